"""The import statements of a generated file, and what imported things are called in it."""

import builtins
import importlib
import re
import sys
from collections.abc import Collection, Iterable
from typing import Any

from holdfast.schemas.syntax import INDENT, WIDTH, Names, Reference

__all__ = ("home_of", "import_lines", "named")

# Of these the place where a class is defined is an inside: what users import is above it.
INSIDES = ("advanced_alchemy", "pydantic", "sqlalchemy")


def home_of(cls: Any) -> Reference:
    """Return where a class is imported from.

    Raises:
        LookupError: It cannot be imported: it was made in a function, or is not where it says.
    """
    name: str | None = getattr(cls, "__qualname__", None)
    if name is None:
        raise LookupError(f"{cls!r} has no source")
    module: str = cls.__module__
    top = module.partition(".")[0]
    hidden = any(part.startswith("_") for part in module.split("."))
    if hidden or top in INSIDES or top in sys.stdlib_module_names:
        module = _highest_that_offers(cls, module)
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not cls or module == "__main__":
        raise LookupError(f"{name} cannot be imported from {module}")
    return Reference("" if module == "builtins" else module, name)


def named(references: Iterable[Reference], taken: Collection[str]) -> Names:
    """Decide what each reference is called.

    Args:
        references: All that the file uses.
        taken: The names of its fields and classes, which would hide an import of that name.
    """
    names: dict[Reference, str] = {}
    used = set(taken)
    for reference in sorted(set(references)):
        top, dot, rest = reference.name.partition(".")
        if not reference.module and top not in used:
            names[reference] = reference.name
            continue
        same = {r: n for r, n in names.items() if (r.module, _top(r)) == (reference.module, top)}
        local = next((name.partition(".")[0] for name in same.values()), "")
        if not local:
            local = top
            while local in used or (hasattr(builtins, local) and reference.module):
                local = f"{local}_"
            used.add(local)
        names[reference] = f"{local}{dot}{rest}"
    return names


def import_lines(names: Names, own: Collection[str]) -> list[str]:
    """Return the import statements, in the order and sections that Ruff sorts them into.

    Args:
        names: What each reference is called.
        own: The top-level packages that belong to the project itself.
    """
    plain: dict[str, set[str]] = {}
    renamed: dict[str, set[tuple[str, str]]] = {}
    for reference, name in names.items():
        module, top, local = reference.module, _top(reference), name.partition(".")[0]
        if not module and top == local:
            continue
        module = module or "builtins"
        if top == local:
            plain.setdefault(module, set()).add(top)
        else:
            renamed.setdefault(module, set()).add((top, local))
    sections: list[list[str]] = [[], [], []]
    for module in sorted({*plain, *renamed}, key=_module_order):
        lines = sections[_section(module, own)]
        statements = [
            *([(_order(min(plain[module], key=_order)), "")] if module in plain else []),
            *((_order(top), f"{top} as {local}") for top, local in renamed.get(module, ())),
        ]
        for _, alias in sorted(statements):
            members = [alias] if alias else sorted(plain[module], key=_order)
            lines += _statement(module, members)
    return "\n\n".join("\n".join(lines) for lines in sections if lines).split("\n")


def _highest_that_offers(cls: type[Any], module: str) -> str:
    parts = module.split(".")
    for end in range(1, len(parts)):
        outer = ".".join(parts[:end])
        loaded = sys.modules.get(outer)
        if loaded is not None and getattr(loaded, cls.__name__, None) is cls:
            return outer
    return module


def _statement(module: str, members: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(members)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"{INDENT}{member}," for member in members), ")"]


def _top(reference: Reference) -> str:
    return reference.name.partition(".")[0]


def _section(module: str, own: Collection[str]) -> int:
    top = module.partition(".")[0]
    return 0 if top in sys.stdlib_module_names else 2 if top in own else 1


def _module_order(module: str) -> tuple[object, ...]:
    return (_natural(module.casefold()), module)


def _order(name: str) -> tuple[object, ...]:
    # Constants, classes, then the rest; each without regard to case.
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return (kind, _natural(name.casefold()), name)


def _natural(text: str) -> tuple[object, ...]:
    parts = re.split(r"(\d+)", text)
    return tuple(int(part) if part.isdigit() else part for part in parts)
