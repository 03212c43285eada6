"""The database's own value of a sort key: how it is read, written into a cursor, and compared.

What Python makes of a value may be less than what the database compares: a rounded FLOAT, a number
cut to its scale, an ENUM that is ordered by its position. So each key is read in a form from which
the database finds the very same value again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, cast

from sqlalchemy import ColumnElement, bindparam, type_coerce
from sqlalchemy import cast as sql_cast
from sqlalchemy.engine import Dialect
from sqlalchemy.types import (
    BINARY,
    VARBINARY,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Time,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
    Uuid,
)

from holdfast.errors import ConfigurationError
from holdfast.query import cursor_values as code
from holdfast.query.sort import Order
from holdfast.query.sort_keys import SortKey

__all__ = ("StoredKey", "stored_key", "stored_keys", "stored_type")

# What MariaDB compares may be unsigned; a larger number than it has is no error.
_any_integer = code.integer_from_json(-(2**63), 2**64 - 1)


class _AsStored(UserDefinedType[Any]):
    """A value as SQLite has it: an integer, float, text or bytes, whatever the column's type."""

    cache_ok = True


@dataclass(frozen=True, eq=False)
class StoredKey:
    """A sort key on one engine.

    Attributes:
        read: What to select, to have its value.
        compared: What to compare with a value that was read.
        type: The SQL type of such a value.
        encode: From a value that was read to what JSON can hold.
        decode: The way back, which raises ValueError for all that `encode` never returns.
        nullable: Whether the value may be NULL.
        descending: Whether the greatest value comes first.
    """

    read: ColumnElement[Any]
    compared: ColumnElement[Any]
    type: TypeEngine[Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    nullable: bool = True
    descending: bool = False

    def bound(self, value: Any) -> ColumnElement[Any]:
        """Return a value as a parameter of a statement."""
        return bindparam(None, value, self.type)


def stored_keys(order: Order, dialect: Dialect) -> tuple[StoredKey, ...]:
    """Return how the keys of an order are read and compared on an engine.

    Args:
        order: The order.
        dialect: The engine's dialect.

    Raises:
        ConfigurationError: The engine has no such way for a key's type.
    """
    return tuple(_of_order(key, dialect, descending) for key, descending in order.keys)


def stored_key(key: SortKey, dialect: Dialect) -> StoredKey | None:
    """Return how a sort key is read and compared on an engine; None for a type that cannot be.

    Args:
        key: The sort key.
        dialect: The engine's dialect.
    """
    element = key.element
    if dialect.name == "sqlite":
        return _same(element, _AsStored(), code.any_to_json, code.any_from_json)
    type_ = stored_type(key.type, dialect)
    if type_.__visit_name__ == "float":
        # In SQLAlchemy 2.0 the one for psycopg is no Float.
        return _float(element, type_, dialect)
    for kind, make in _KINDS:
        if isinstance(type_, kind):
            return make(element, type_, dialect)
    return None


def _of_order(key: SortKey, dialect: Dialect, descending: bool) -> StoredKey:
    stored = stored_key(key, dialect)
    if stored is None:
        raise ConfigurationError(
            f"A cursor cannot hold {key.name}, whose type is {key.type!r}. "
            "Leave it out of `sort`, or use `pagination='offset'`."
        )
    return replace(stored, nullable=key.nullable, descending=descending)


def stored_type(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Return the type that a column has on an engine, beneath decorators and variants."""
    found: Any = type_
    while not isinstance(found, Interval):
        found = found.dialect_impl(dialect)
        if not isinstance(found, TypeDecorator):
            break
        found = cast("Any", found).type_engine(dialect)
    return cast("TypeEngine[Any]", found)


def _same(element: Any, type_: Any, encode: Any, decode: Any) -> StoredKey:
    coerced = type_coerce(element, type_)
    return StoredKey(coerced, coerced, type_, encode, decode)


def _enum(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    if not type_.native_enum or dialect.name == "postgresql":
        text = type_coerce(element, String())
        compared = type_coerce(element, type_)
        return StoredKey(text, compared, type_, str, code.one_of(type_.enums))
    # MariaDB sorts by the position, which it compares with numbers; with a text it compares texts.
    number = Integer()
    position = type_coerce(element, number)
    return StoredKey(position + 0, position, number, int, _any_integer)


def _boolean(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    if dialect.name == "postgresql":
        return _same(element, type_, bool, code.boolean_from_json)
    return _same(element, Integer(), int, _any_integer)


def _float(element: Any, _type: Any, dialect: Dialect) -> StoredKey:
    # A FLOAT is shown rounded, but compared in full.
    double: Double[float] = Double()
    is_postgresql = dialect.name == "postgresql"
    read = code.float_from_json if is_postgresql else code.finite_from_json
    compared = type_coerce(element, double)
    return StoredKey(sql_cast(element, double), compared, double, repr, read)


def _numeric(element: Any, _type: Any, dialect: Dialect) -> StoredKey:
    is_postgresql = dialect.name == "postgresql"
    read = code.special_decimal_from_json if is_postgresql else code.decimal_from_json
    return _same(element, Numeric(asdecimal=True), code.decimal_to_json, read)


def _whole_number(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    if dialect.name != "postgresql":
        return _same(element, type_, int, _any_integer)
    bits = 63 if isinstance(type_, BigInteger) else 15 if isinstance(type_, SmallInteger) else 31
    return _same(element, type_, int, code.integer_from_json(-(2**bits), 2**bits - 1))


def _uuid(element: Any, type_: Any, _dialect: Dialect) -> StoredKey:
    read: Callable[[Any], Any] = code.uuid_from_json if type_.as_uuid else code.uuid_text_from_json
    return _same(element, type_, code.uuid_to_json, read)


def _string(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    if dialect.name != "postgresql":
        return _same(element, type_, str, code.text_from_json)
    return _same(element, type_, str, code.text_without_nul_from_json)


def _bytes(element: Any, type_: Any, _dialect: Dialect) -> StoredKey:
    return _same(element, type_, code.bytes_to_json, code.bytes_from_json)


def _datetime(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    if dialect.name == "postgresql" and type_.timezone:
        return _same(element, type_, code.utc_to_json, code.utc_from_json)
    return _same(element, type_, datetime.isoformat, code.datetime_from_json)


def _date(element: Any, type_: Any, _dialect: Dialect) -> StoredKey:
    return _same(element, type_, date.isoformat, code.date_from_json)


def _time(element: Any, type_: Any, dialect: Dialect) -> StoredKey:
    with_zone = dialect.name == "postgresql" and type_.timezone
    read = code.time_with_zone_from_json if with_zone else code.time_from_json
    return _same(element, type_, time.isoformat, read)


# A subclass before its base: an Enum is a String, a Float may be a Numeric.
_KINDS: tuple[tuple[Any, Callable[[Any, Any, Dialect], StoredKey]], ...] = (
    (Enum, _enum),
    (Boolean, _boolean),
    (Float, _float),
    (Numeric, _numeric),
    (Integer, _whole_number),
    (Uuid, _uuid),
    (String, _string),
    ((LargeBinary, BINARY, VARBINARY), _bytes),
    (DateTime, _datetime),
    (Date, _date),
    (Time, _time),
)
