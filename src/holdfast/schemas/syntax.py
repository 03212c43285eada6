"""Python expressions as small trees, and their source in lines of at most 100 columns.

    Code        text as it is: ``100``, ``None``
    Reference   a name, which has to be imported unless it is a builtin
    Prose       a string of words, which may be split between them
    Brackets    ``head[...]`` or ``head(...)``
    Keyword     ``name=value``, an argument
    Either      ``a | b``

What does not fit a line is split as Ruff's formatter splits it, so that it has nothing to change.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = (
    "WIDTH",
    "Brackets",
    "Code",
    "Either",
    "Expression",
    "Keyword",
    "Names",
    "Prose",
    "Reference",
    "call",
    "comment",
    "lines_of",
    "pattern",
    "quoted",
    "references_in",
    "subscript",
    "width_of",
)

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is."""

    text: str


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A name of a module: ``Reference("app.models", "Author.Status")``."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A string of words."""

    text: str


@dataclass(frozen=True, slots=True)
class Brackets:
    """A head with items in square or round brackets."""

    head: "Expression"
    items: "tuple[Expression, ...]"
    square: bool


@dataclass(frozen=True, slots=True)
class Keyword:
    """A named argument."""

    name: str
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Either:
    """A union of types."""

    members: "tuple[Expression, ...]"


Expression = Code | Reference | Prose | Brackets | Keyword | Either

Names = Mapping[Reference, str]
"""What each reference is called where it is written."""


def subscript(head: Expression, *items: Expression) -> Brackets:
    """Return ``head[items]``."""
    return Brackets(head, items, square=True)


def call(head: Expression, *items: Expression, **keywords: Expression) -> Brackets:
    """Return ``head(items, keyword=...)``."""
    named = tuple(Keyword(name, value) for name, value in keywords.items())
    return Brackets(head, (*items, *named), square=False)


def references_in(expression: Expression) -> Iterator[Reference]:
    """Yield every reference in an expression."""
    match expression:
        case Reference():
            yield expression
        case Brackets(head, items):
            for part in (head, *items):
                yield from references_in(part)
        case Keyword(_, value):
            yield from references_in(value)
        case Either(members):
            for member in members:
                yield from references_in(member)
        case Code() | Prose():
            pass


def lines_of(
    expression: Expression, names: Names, *, before: str = "", after: str = "", depth: int = 0
) -> list[str]:
    """Return the lines of an expression.

    Args:
        expression: What to write.
        names: What its references are called.
        before: What stands before it on its first line.
        after: What stands after it on its last line.
        depth: How many levels it is indented by.
    """
    line = f"{INDENT * depth}{before}{_flat(expression, names)}{after}"
    if width_of(line) <= WIDTH or isinstance(expression, Code | Reference):
        return [line]
    if isinstance(expression, Keyword):
        inner = f"{before}{expression.name}="
        return lines_of(expression.value, names, before=inner, after=after, depth=depth)
    level = depth if isinstance(expression, Either) and not before else depth + 1
    opening, parts, closing = _parts(expression, names, level)
    if not opening and not before:
        return [*parts[:-1], f"{parts[-1]}{after}"]
    first = f"{INDENT * depth}{before}{opening or '('}"
    return [first, *parts, f"{INDENT * depth}{closing or ')'}{after}"]


def _parts(
    expression: "Brackets | Either | Prose", names: Names, depth: int
) -> tuple[str, list[str], str]:
    """Return what opens an expression that is too long for a line, its parts, and what closes it.

    Nothing opens a union, which is in parentheses only where it does not stand alone.
    """
    match expression:
        case Brackets(head, items, square):
            parts = [
                part for item in items for part in lines_of(item, names, after=",", depth=depth)
            ]
            opening, closing = "[]" if square else "()"
            return f"{_flat(head, names)}{opening}", parts, closing
        case Either(members):
            first, *others = members
            rest = [
                part
                for member in others
                for part in lines_of(member, names, before="| ", depth=depth)
            ]
            return "", [*lines_of(first, names, depth=depth), *rest], ""
        case Prose(text):
            indent = INDENT * depth
            return "(", [f"{indent}{part}" for part in _split(text, WIDTH - len(indent))], ")"


def width_of(text: str) -> int:
    """Return how many columns a line takes, of which Chinese and its like take two a character."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "FW" else 1
        for c in text
    )


def comment(text: str, depth: int) -> list[str]:
    """Return the lines of a comment."""
    start = f"{INDENT * depth}# "
    lines = [start.rstrip()]
    for word in text.split():
        if lines[-1] != start.rstrip() and width_of(f"{lines[-1]} {word}") > WIDTH:
            lines.append(start.rstrip())
        lines[-1] += f" {word}"
    return lines


def quoted(text: str) -> str:
    """Return a string literal, in the quotes that a formatter prefers."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join(_escape(character, mark) for character in text)
    return f"{mark}{escaped}{mark}"


def pattern(text: str) -> str:
    """Return a string literal for a regular expression, in which backslashes stay single."""
    plain = text.isprintable() and '"' not in text and not text.endswith("\\")
    return f'r"{text}"' if plain and "\\" in text else quoted(text)


def _flat(expression: Expression, names: Names) -> str:
    match expression:
        case Code(text):
            return text
        case Reference():
            return names[expression]
        case Prose(text):
            return quoted(text)
        case Keyword(name, value):
            return f"{name}={_flat(value, names)}"
        case Brackets(head, items, square):
            opening, closing = "[]" if square else "()"
            inner = ", ".join(_flat(item, names) for item in items)
            return f"{_flat(head, names)}{opening}{inner}{closing}"
        case Either(members):
            return " | ".join(_flat(member, names) for member in members)


def _escape(character: str, mark: str) -> str:
    short = {"\\": "\\\\", mark: f"\\{mark}", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in short:
        return short[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def _split(text: str, width: int) -> list[str]:
    # Each part ends with the space between it and the next.
    *words, last = text.split(" ")
    parts = [""]
    for word in (*(f"{word} " for word in words), last):
        if parts[-1] and width_of(quoted(parts[-1] + word)) > width:
            parts.append("")
        parts[-1] += word
    return [quoted(part) for part in parts]
