"""The source of types and values that exist."""

import typing
from decimal import Decimal
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union

from holdfast.schemas.declared import plain
from holdfast.schemas.names import home_of
from holdfast.schemas.syntax import (
    Code,
    Either,
    Expression,
    Prose,
    Reference,
    call,
    quoted,
    subscript,
)

__all__ = ("ANY", "NONE", "literal", "written_type")

ANY = Reference("typing", "Any")
NONE = Code("None")


def written_type(hint: Any) -> Expression:
    """Return the source of a type.

    Raises:
        LookupError: It, or a part of it, cannot be imported, or has no source.
    """
    origin: Any = typing.get_origin(hint)
    if origin is typing.Annotated:
        return written_type(plain(hint).type)
    if origin is not None:
        return _generic(origin, typing.get_args(hint))
    if hint is Any or hint is object:
        return ANY
    if hint is None or hint is NoneType:
        return NONE
    # Type checkers want to be told what is in a collection.
    items = {dict: (Reference("", "str"), ANY), frozenset: (ANY,), list: (ANY,), set: (ANY,)}
    return subscript(home_of(hint), *items[hint]) if hint in items else home_of(hint)


def _generic(origin: Any, arguments: tuple[Any, ...]) -> Expression:
    if origin is Literal:
        texts = (Code(quoted(a)) if type(a) is str else literal(a) for a in arguments)
        return subscript(Reference("typing", "Literal"), *texts)
    if origin in {Union, UnionType}:
        return Either(tuple(written_type(part) for part in arguments))
    parts = (Code("...") if part is Ellipsis else written_type(part) for part in arguments)
    return subscript(home_of(origin), *parts)


def literal(value: Any) -> Expression:
    """Return the source of a value.

    Raises:
        LookupError: It has none.
    """
    if isinstance(value, Enum):
        home = home_of(type(value))
        return Reference(home.module, f"{home.name}.{value.name}")
    if isinstance(value, str):
        return Prose(value)
    if isinstance(value, Decimal):
        text = str(value)
        is_whole = text.removeprefix("-").isdecimal()
        return call(Reference("decimal", "Decimal"), Code(text if is_whole else quoted(text)))
    if value is None or (isinstance(value, int | float) and isfinite(value)):
        return Code(repr(value))
    raise LookupError(f"{value!r} has no source")
