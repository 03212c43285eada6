"""What the values of a column are, as its type says: their Python class, and their bounds."""

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from advanced_alchemy.types import (
    DateTimeUTC,
    EncryptedString,
    FileObject,
    OneTimeCode,
    PasswordHash,
    StoredObject,
    TOTPSecret,
    Vector,
)
from sqlalchemy import types as sql
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from holdfast.schemas.declared import returned

__all__ = ("SCALARS", "Value", "value_of")

SCALARS = (str, int, bool, float, Decimal, datetime, date, time, timedelta, UUID, bytes)
"""The classes that a column type and Pydantic mean the same by."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a column holds.

    Attributes:
        python: The class of its values, ``object`` where the type does not say.
        max_length: The most characters, bytes or items.
        min_length: The fewest items.
        lower: The least number.
        upper: The greatest number.
        max_digits: How many digits a number has at most.
        decimal_places: How many of them are behind the point.
        with_zone: Whether instants have an offset, None where they are no instants.
        choices: The texts that an enumeration without a class allows.
        item: What each item of a list is.
        is_json: Whether it is stored as JSON.
    """

    python: type[Any] = object
    max_length: int | None = None
    min_length: int | None = None
    lower: int | None = None
    upper: int | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    with_zone: bool | None = None
    choices: tuple[str, ...] = ()
    item: "Value | None" = None
    is_json: bool = False


def value_of(column_type: TypeEngine[Any]) -> Value:
    """Return what the values of a column of some type are."""
    for kind, read in _READERS:
        if isinstance(column_type, kind):
            return read(column_type)
    return Value(_python_type(column_type))


def _decorated(column_type: Any) -> Value:
    """Return what a type decorator makes of the type that it decorates."""
    decorator: Any = cast("Any", type(column_type))
    plain: Any = TypeDecorator
    inner = value_of(column_type.impl_instance)
    binds = decorator.process_bind_param is not plain.process_bind_param
    reads = decorator.process_result_value is not plain.process_result_value
    if decorator.python_type is not plain.python_type:
        inner = replace(inner, python=_python_type(column_type))
    elif reads:
        # Only its own code says what it makes of what is stored.
        result = returned(decorator.process_result_value)
        hint = result.type if result is not None else None
        inner = Value(hint if isinstance(hint, type) else object)
    if not binds:
        return inner
    # What is stored may be longer or shorter than what is bound.
    return Value(inner.python, with_zone=inner.with_zone, item=inner.item, is_json=inner.is_json)


def _python_type(column_type: Any) -> type[Any]:
    try:
        found: Any = column_type.python_type
    except NotImplementedError:
        return object
    found = typing.get_origin(found) or found
    return found if isinstance(found, type) and found is not types.UnionType else object


def _enum(column_type: Any) -> Value:
    cls: type[Any] | None = column_type.enum_class
    return Value(str, choices=tuple(column_type.enums)) if cls is None else Value(cls)


def _integer(column_type: Any) -> Value:
    bits = next((bits for kind, bits in _BITS if isinstance(column_type, kind)), 32)
    if getattr(column_type, "unsigned", False):
        return Value(int, lower=0, upper=2**bits - 1)
    return Value(int, lower=-(2 ** (bits - 1)), upper=2 ** (bits - 1) - 1)


def _numeric(column_type: Any) -> Value:
    if not column_type.asdecimal:
        return Value(float)
    scale = column_type.scale
    if column_type.precision is not None and scale is None:
        scale = 0
    return Value(Decimal, max_digits=column_type.precision, decimal_places=scale)


def _float(column_type: Any) -> Value:
    return Value(Decimal if column_type.asdecimal else float)


def _array(column_type: Any) -> Value:
    value = value_of(column_type.item_type)
    for _ in range(column_type.dimensions or 1):
        value = Value(list, item=value)
    return value


def _file(column_type: Any) -> Value:
    one = Value(FileObject)
    return Value(list, item=one) if column_type.multiple else one


def _vector(column_type: Any) -> Value:
    size: int | None = getattr(column_type, "dim", None)
    return Value(list, item=Value(float), min_length=size, max_length=size)


_BITS: tuple[tuple[type[Any], int], ...] = (
    (mysql.TINYINT, 8),
    (mysql.MEDIUMINT, 24),
    (sql.SmallInteger, 16),
    (sql.BigInteger, 64),
)
# The first that fits: what is more special stands above what it derives from.
_READERS: tuple[tuple[type[Any], Callable[[Any], Value]], ...] = (
    (PasswordHash, lambda _: Value(str)),
    (OneTimeCode, lambda _: Value(str)),
    (TOTPSecret, lambda _: Value(str)),
    (EncryptedString, lambda column_type: Value(str, max_length=column_type.length)),
    (StoredObject, _file),
    (DateTimeUTC, lambda _: Value(datetime, with_zone=True)),
    (Vector, _vector),
    (sql.Interval, lambda _: Value(timedelta)),
    (sql.PickleType, lambda _: Value()),
    (TypeDecorator, _decorated),
    (sql.Enum, _enum),
    (sql.ARRAY, _array),
    (sql.JSON, lambda _: Value(is_json=True)),
    (sql.Uuid, lambda column_type: Value(UUID if column_type.as_uuid else str)),
    (sql.Boolean, lambda _: Value(bool)),
    (sql.Integer, _integer),
    (sql.Float, _float),
    (sql.Numeric, _numeric),
    (sql.LargeBinary, lambda column_type: Value(bytes, max_length=column_type.length)),
    (sql.BINARY, lambda column_type: Value(bytes, max_length=column_type.length)),
    (sql.VARBINARY, lambda column_type: Value(bytes, max_length=column_type.length)),
    (sql.String, lambda column_type: Value(str, max_length=column_type.length)),
    (sql.DateTime, lambda column_type: Value(datetime, with_zone=bool(column_type.timezone))),
    (sql.Date, lambda _: Value(date)),
    (sql.Time, lambda _: Value(time)),
)
