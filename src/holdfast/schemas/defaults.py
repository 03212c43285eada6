"""The default of a column, as the source of a create schema."""

import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column, Sequence
from sqlalchemy.schema import ColumnDefault, DefaultClause
from sqlalchemy.sql import elements

from holdfast.schemas.declared import Declared, returned
from holdfast.schemas.expressions import literal
from holdfast.schemas.syntax import Expression, Reference
from holdfast.schemas.values import Value

__all__ = ("Default", "default_of", "default_value")

QUOTED = re.compile(r"'((?:[^']|'')*)'(?:::[\w ]+(?:\(\d+\))?)?")


@dataclass(frozen=True, slots=True)
class Default:
    """What a column has where nothing is sent.

    Attributes:
        source: The value, or the function that makes it; None where neither has a source.
        is_factory: Whether it is the function.
        empty: The class of an empty list, dictionary or set, which its type makes itself.
        text: What it is, for a comment.
    """

    source: Expression | None = None
    is_factory: bool = False
    empty: type[Any] | None = None
    text: str = ""


def default_of(column: Column[Any], value: Value, declaration: Declared | None) -> Default | None:
    """Return the default of a column, None where it has none but NULL."""
    made = column.default
    if isinstance(made, ColumnDefault):
        if made.is_scalar:
            return default_value(made.arg, value, declaration)
        if made.is_callable:
            return _factory(made.arg, value)
    if made is not None and not isinstance(made, Sequence):
        return Default(text=_sql_text(getattr(made, "arg", made)))
    server = column.server_default
    if isinstance(server, DefaultClause):
        return _server(server.arg, value, declaration)
    return None if made is None and server is None else Default(text="made by the database")


def default_value(found: Any, value: Value, declaration: Declared | None) -> Default:
    """Return a value as a default."""
    for cls in (dict, list, set):
        if isinstance(found, cls) and not found:
            return Default(is_factory=True, empty=cls)
    fitting = _fitting(found, value, declaration)
    if fitting is None:
        return Default(text=f"{found!r}")
    try:
        return Default(literal(fitting))
    except LookupError:
        return Default(text=f"{found!r}")


def _fitting(found: Any, value: Value, declaration: Declared | None) -> Any:
    """Return a value as one of the field's own type, None where it is none."""
    hint = declaration.type if declaration is not None else None
    if typing.get_origin(hint) is Literal:
        return found if found in typing.get_args(hint) else None
    if value.choices:
        return found if found in value.choices else None
    cls = hint if isinstance(hint, type) and issubclass(hint, Enum) else value.python
    if issubclass(cls, Enum):
        return found if isinstance(found, cls) else cls.__members__.get(str(found))
    if cls is Decimal and isinstance(found, int | float | str):
        return Decimal(str(found))
    if cls is float and type(found) is int:
        return found
    return found if type(found) is cls and cls in {bool, Decimal, float, int, str} else None


def _factory(function: Any, value: Value) -> Default:
    # SQLAlchemy wraps a function without arguments into one that takes its context.
    plain = getattr(function, "__wrapped__", None)
    name = getattr(plain or function, "__qualname__", "a function")
    unknown = Default(text=f"made by {name}()" if name.isidentifier() else "made by a function")
    if plain in {dict, list, set}:
        return Default(is_factory=True, empty=plain)
    module = getattr(plain, "__module__", None)
    if plain is None or module is None or getattr(sys.modules.get(module), name, None) is not plain:
        return unknown
    result = returned(plain)
    if result is not None and not result.nullable and result.type is value.python:
        return Default(Reference(module, name), is_factory=True)
    if module == "uuid" and value.python is UUID:
        return Default(Reference(module, name), is_factory=True)
    return unknown


def _server(argument: Any, value: Value, declaration: Declared | None) -> Default:
    """Return a default of the database, as a value where it is one."""
    if isinstance(argument, elements.True_ | elements.False_):
        return default_value(isinstance(argument, elements.True_), value, declaration)
    text = _sql_text(argument)
    unknown = Default(text=text)
    content = argument if isinstance(argument, str) else None
    if isinstance(argument, elements.TextClause):
        found = QUOTED.fullmatch(text)
        content = found[1].replace("''", "'") if found else text
        if found is None and value.python not in {bool, Decimal, float, int}:
            return unknown
    if content is None:
        return unknown
    read = _READ.get(value.python, str)
    try:
        return default_value(read(content), value, declaration)
    except (ArithmeticError, KeyError, ValueError):
        return unknown


def _boolean(text: str) -> bool:
    return {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}[
        text.strip().lower()
    ]


_READ: Mapping[type, Any] = {bool: _boolean, Decimal: Decimal, float: float, int: int}


def _sql_text(argument: Any) -> str:
    try:
        return " ".join(str(argument).split())
    except Exception:  # noqa: BLE001 - an expression that only its own dialect can write
        return "an SQL expression"
