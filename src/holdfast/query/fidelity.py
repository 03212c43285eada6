"""Whether a column gives back exactly what was written to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from advanced_alchemy.types import GUID, DateTimeUTC
from sqlalchemy import (
    CHAR,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ("keeps",)

# What a float of 64 bits holds of a decimal: SQLite stores it so.
_EXACT_DIGITS = 15


def keeps(type_: TypeEngine[Any], value: Any, dialect: Dialect) -> bool:
    """Tell whether a column certainly gives back what was written.

    False where it might not: a type that is not known here, a value of another Python type, or one
    that is rounded, padded or moved to another time zone.

    Args:
        type_: The column's type.
        value: The value that was written.
        dialect: Of the database that holds it.
    """
    if value is None:
        return not type_.should_evaluate_none
    # Not the dialect's own implementation, which may have forgotten that it is a CHAR.
    variants: Mapping[str, TypeEngine[Any]] = getattr(type_, "_variant_mapping", {})
    found = variants.get(dialect.name, type_)
    return any(
        isinstance(found, cls) and rule(found, value, dialect)
        for cls, rule in _RULES
        if not isinstance(found, TypeDecorator) or cls in _DECORATORS
    )


def _integer(_: Any, value: Any, __: Dialect) -> bool:
    return type(value) is int


def _boolean(_: Any, value: Any, __: Dialect) -> bool:
    return type(value) is bool


def _date(_: Any, value: Any, __: Dialect) -> bool:
    return type(value) is date


def _bytes(_: Any, value: Any, __: Dialect) -> bool:
    return type(value) is bytes


def _enum(type_: Any, value: Any, __: Dialect) -> bool:
    if type_.enum_class is not None:
        return isinstance(value, type_.enum_class)
    return type(value) is str and value in type_.enums


def _uuid(type_: Any, value: Any, __: Dialect) -> bool:
    return isinstance(value, UUID) and getattr(type_, "as_uuid", True)


def _string(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not str or isinstance(type_, Enum):
        return False
    if isinstance(type_, CHAR) and dialect.name != "sqlite":
        return len(value) == type_.length and not value.endswith(" ")
    # Only a value that is too long loses the spaces at its end.
    return type_.length is None or len(value) <= type_.length


def _numeric(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not Decimal or not type_.asdecimal or not value.is_finite():
        return False
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    scale = type_.scale
    if scale is None or (value.is_zero() and value.is_signed()):
        return False
    exact = dialect.name != "sqlite" or len(digits) <= _EXACT_DIGITS
    return exact and exponent == -scale


def _float(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not float or type_.asdecimal or not isfinite(value) or value == 0:
        return False
    # MariaDB's FLOAT, and PostgreSQL's of few digits, have 32 bits.
    is_double = isinstance(type_, Double) or type_.precision is None
    return is_double and dialect.name in {"postgresql", "sqlite"}


def _time(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not time or value.tzinfo is not None or type_.timezone:
        return False
    return _has_fractions(type_, dialect) or value.microsecond == 0


def _datetime(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not datetime or value.fold:
        return False
    if not _has_fractions(type_, dialect) and value.microsecond:
        return False
    if value.tzinfo is None:
        # PostgreSQL takes a column with a time zone for the session's, the others have none.
        return not type_.timezone or dialect.name != "postgresql"
    # asyncpg gives UTC back, psycopg the session's time zone, the others none.
    return type_.timezone and value.tzinfo is UTC and dialect.driver == "asyncpg"


def _datetime_utc(type_: Any, value: Any, dialect: Dialect) -> bool:
    if type(value) is not datetime or value.tzinfo is not UTC:
        return False
    if dialect.name == "postgresql":
        return dialect.driver == "asyncpg"
    return _has_fractions(type_, dialect) or value.microsecond == 0


def _has_fractions(type_: Any, dialect: Dialect) -> bool:
    return dialect.name in {"postgresql", "sqlite"} or getattr(type_, "fsp", None) == 6  # noqa: PLR2004


_DECORATORS = (GUID, DateTimeUTC)
_RULES: tuple[tuple[type[TypeEngine[Any]], Callable[[Any, Any, Dialect], bool]], ...] = (
    (GUID, _uuid),
    (DateTimeUTC, _datetime_utc),
    (Uuid, _uuid),
    (Integer, _integer),
    (Boolean, _boolean),
    (Enum, _enum),
    (String, _string),
    (Float, _float),
    (Numeric, _numeric),
    (DateTime, _datetime),
    (Date, _date),
    (Time, _time),
    (LargeBinary, _bytes),
)
