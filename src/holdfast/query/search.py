"""Search in free text: the words of one parameter, looked for in several columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects import postgresql

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, AttributePath, Path, path_of
from holdfast.query.comparisons import compare
from holdfast.query.refusals import invalid_parameter
from holdfast.query.relations import related_criterion
from holdfast.query.values import text_of, value_type

__all__ = (
    "MAX_WORDS",
    "Search",
    "SearchValue",
    "TextSearch",
    "declared_search",
    "search_criterion",
)

MAX_WORDS = 10
"""How many words are looked for at once."""

SearchValue: Any = text_of(200, rf"^[^\x00 ]*( +[^\x00 ]*){{0,{MAX_WORDS - 1}}}$")
"""What is looked for: words between spaces."""

_SPACE, _EMPTY = "' '", "''"
_CONFIGURATION = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


class Search:
    """The columns that the parameter ``q`` looks in.

        search=Search(Article.title, Article.body, full_text="english")

    Args:
        *columns: Columns with text, of the model or behind relations. For full text also one of
            type ``TSVECTOR``.
        full_text: The text search configuration of PostgreSQL by which words are found in their
            other forms as well. None, or another engine: each word is looked for as it is written,
            upper or lower case.

    Raises:
        ConfigurationError: No column is named, or the configuration is no plain name.
    """

    def __init__(self, *columns: AttributePath, full_text: str | None = None) -> None:
        if not columns:
            raise ConfigurationError(
                "A Search needs the columns that it looks in. "
                "Name them: `Search(Article.title, Article.body)`."
            )
        if full_text is not None and not _CONFIGURATION.fullmatch(full_text):
            raise ConfigurationError(
                f"The text search configuration {full_text!r} is no plain name. "
                'Name one of `\\dF` in psql, such as full_text="english".'
            )
        self.columns = columns
        self.full_text = full_text


@dataclass(frozen=True, slots=True)
class TextSearch:
    """A search in the rows of one model.

    Attributes:
        paths: The columns that it looks in.
        full_text: The text search configuration for PostgreSQL, if any.
    """

    paths: tuple[Path, ...]
    full_text: str | None = None

    @property
    def description(self) -> str:
        """What a client is told about ``q``."""
        names = ", ".join(f"`{path.name}`" for path in self.paths)
        return f"Words to look for in {names}: each has to be in one of them."


def declared_search(model: type[Any], search: Search | Sequence[AttributePath]) -> TextSearch:
    """Return the search in a model's rows.

    Args:
        model: The mapped class whose rows are searched.
        search: The search, or the columns alone.

    Raises:
        ConfigurationError: A column is not the model's, or holds no text.
    """
    declared = search if isinstance(search, Search) else Search(*search)
    paths = tuple(path_of(model, each, "search") for each in declared.columns)
    for path in paths:
        _check(path, declared.full_text)
    return TextSearch(paths, declared.full_text)


def _check(path: Path, full_text: str | None) -> None:
    type_ = path.element.type
    if isinstance(type_, postgresql.TSVECTOR):
        if full_text is None:
            raise ConfigurationError(
                f"search has {path.column}, whose words a text search configuration has found. "
                'Name it: `Search(..., full_text="english")`.'
            )
    elif value_type(type_).kind != "text":
        raise ConfigurationError(
            f"search has {path.column}, which holds no text but {type_!r}. "
            "Name columns with text; filter by the others."
        )


def search_criterion(search: TextSearch, text: str, dialect: str) -> ColumnElement[bool]:
    """Return what a row has to fulfil for a text to be found in it.

    Args:
        search: The search in the model's rows.
        text: What the client looks for.
        dialect: The name of the dialect of the session's engine.

    Raises:
        ProblemError: 422, there are too many words.
    """
    words = [word for word in text.split(" ") if word]
    if len(words) > MAX_WORDS:
        raise invalid_parameter("q", f"There are more than {MAX_WORDS} words", "too_many_words")
    if not words:
        return true()
    if search.full_text is not None and dialect == "postgresql":
        return or_(false(), *_full_text(search.paths, search.full_text, text))
    return and_(true(), *(_has_word(search.paths, word, dialect) for word in words))


def _has_word(paths: Iterable[Path], word: str, dialect: str) -> ColumnElement[bool]:
    def contains(attribute: Attribute) -> ColumnElement[bool]:
        return compare("icontains", attribute.expression, word, dialect)

    texts = (path for path in paths if not _is_vector(path))
    return or_(false(), *(related_criterion(p.relations, p.column, contains) for p in texts))


def _full_text(
    paths: Iterable[Path], configuration: str, text: str
) -> Iterator[ColumnElement[bool]]:
    named = _written(f"'{configuration}'::regconfig")
    sought = func.websearch_to_tsquery(named, literal(text, Text()))

    def found_in(attribute: Attribute) -> ColumnElement[bool]:
        element: Any = attribute.expression
        if not isinstance(element.type, postgresql.TSVECTOR):
            element = func.to_tsvector(named, element)
        return _matches(element, sought)

    own = [path.column.expression for path in paths if not path.relations and not _is_vector(path)]
    if len(own) > 1:
        # Words of one search may be in different columns.
        yield _matches(func.to_tsvector(named, reduce(_joined, map(_or_empty, own))), sought)
    for path in paths:
        if len(own) <= 1 or path.relations or _is_vector(path):
            yield related_criterion(path.relations, path.column, found_in)


def _or_empty(element: Any) -> Any:
    return func.coalesce(element, _written(_EMPTY))


def _joined(left: Any, right: Any) -> Any:
    return left.op("||")(_written(_SPACE)).op("||")(right)


def _written(text: str) -> Any:
    """Return what is written into the statement and not bound, as an index on it has it."""
    return cast("Any", literal_column(text))


def _is_vector(path: Path) -> bool:
    return isinstance(path.element.type, postgresql.TSVECTOR)


def _matches(vector: ColumnElement[Any], sought: ColumnElement[Any]) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", vector.op("@@", is_comparison=True)(sought))
