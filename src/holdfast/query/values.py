"""Types of query parameters that are compared with a column: what the column can hold, and no more.

A value that passes can be sent to each database and each of its drivers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import GenericAlias
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from advanced_alchemy.types import EncryptedString, OneTimeCode, PasswordHash
from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from holdfast.query.operators import Kind

__all__ = (
    "MAX_VALUES",
    "SINGLE_PRECISION",
    "Documented",
    "ValueType",
    "annotated",
    "several",
    "text_of",
    "value_type",
)

MAX_VALUES = 100
"""How many values a parameter takes that takes several."""

SINGLE_PRECISION = 24
"""The most bits with which a FLOAT is stored in 32."""

_SHORTEST_BOUND, _USUAL_BOUND, _LONGEST_BOUND = 200, 1_000, 4_000
_MOST_DIGITS, _SMALLEST_EXPONENT = 64, -400
_LARGEST_SINGLE, _LARGEST_DOUBLE = 3.4e38, 1.7e308
_TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"


@dataclass(frozen=True, slots=True)
class ValueType:
    """What a column holds, and the type of a parameter that is compared with it.

    Attributes:
        kind: What it holds, as far as comparing goes.
        annotation: The type of one value; of one item, where the column is an array.
    """

    kind: Kind
    annotation: Any


class Documented:
    """Adds to a type's JSON Schema, or replaces it.

    Not by `Field(json_schema_extra=...)`, which FastAPI's `Query` replaced up to at least 0.142,
    nor by Pydantic's `WithJsonSchema`: up to 2.10 all fields with one had the title of the last.
    """

    def __init__(self, schema: dict[str, Any], *, alone: bool = False) -> None:
        self._schema = schema
        self._alone = alone

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self._schema) if self._alone else {**handler(core_schema), **self._schema}


def annotated(hint: Any, *metadata: object) -> Any:
    """Annotate a type that is known only at run time."""
    return cast("Any", Annotated)[(hint, *metadata)]


def several(hint: Any, at_least: int, at_most: int) -> Any:
    """Make the type of a parameter that is repeated for each of its values."""
    return annotated(GenericAlias(list, (hint,)), Field(min_length=at_least, max_length=at_most))


def text_of(max_length: int, pattern: str = r"^[^\x00]*$") -> Any:
    """Make the type of a text that every database takes.

    Args:
        max_length: How many characters it has at most.
        pattern: What it looks like, without NUL characters.
    """
    # Either bound has Pydantic refuse half of a surrogate pair as well.
    return annotated(str, Field(max_length=max_length, pattern=pattern))


def value_type(type_: TypeEngine[Any]) -> ValueType:
    """Return what a column of a type holds; kind ``other`` where no parameter can be made of it."""
    inner = _undecorated(type_)
    for types, make in _MAKERS:
        if isinstance(inner, types):
            return make(inner)
    if isinstance(type_, TypeDecorator) and _python_type(type_) is UUID:
        return ValueType("identity", UUID)
    return ValueType("other", None)


def _undecorated(type_: TypeEngine[Any]) -> Any:
    """Return the type that a decorator stores as, where it takes the same Python type.

    What else a decorator does with a value is its own affair, and must not fail for any. Encrypted
    and hashed texts equal nothing that a client could send.
    """
    if isinstance(type_, EncryptedString | PasswordHash | OneTimeCode):
        return None
    if not isinstance(type_, TypeDecorator):
        return type_
    inner: TypeEngine[Any] = type_.impl_instance
    taken = _python_type(type_)
    return inner if taken is not None and taken is _python_type(inner) else None


def _python_type(type_: TypeEngine[Any]) -> Any:
    try:
        found: Any = type_.python_type
    except NotImplementedError:
        return None
    return None if found is object else found


def _choice(type_: Any) -> ValueType:
    members: Any = type_.enum_class
    if members is None:
        return ValueType("choice", cast("Any", Literal)[tuple(type_.enums)])
    # Pydantic compares a member's value with the text of the query, which never equals a number.
    named = {str(member.value): member for member in members}

    def member_of(value: Any) -> Any:
        return named.get(value, value) if isinstance(value, str) else value

    return ValueType("choice", annotated(members, BeforeValidator(member_of)))


def _text(type_: Any) -> ValueType:
    length = type_.length
    bound = _USUAL_BOUND if length is None else max(length, _SHORTEST_BOUND)
    return ValueType("text", text_of(min(bound, _LONGEST_BOUND)))


def _integer(type_: Any) -> ValueType:
    bits = 64 if isinstance(type_, BigInteger) else 16 if isinstance(type_, SmallInteger) else 32
    unsigned = bool(getattr(type_, "unsigned", False))
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return ValueType("number", annotated(int, Field(ge=low, le=high)))


def _float(type_: Any) -> ValueType:
    # PostgreSQL refuses to compare a single precision column with what is beyond it.
    single = isinstance(type_, REAL) or (type_.precision or 53) <= SINGLE_PRECISION
    bound = _LARGEST_SINGLE if single else _LARGEST_DOUBLE
    return ValueType("number", annotated(float, Field(allow_inf_nan=False, ge=-bound, le=bound)))


def _decimal(type_: Any) -> ValueType:
    places = 18 if type_.precision is None else type_.precision - (type_.scale or 0)
    bound = 10 ** max(places, 0)
    schema = {"type": "number", "minimum": -bound, "maximum": bound}
    return ValueType(
        "number",
        annotated(
            Decimal,
            Field(allow_inf_nan=False, ge=-bound, le=bound),
            AfterValidator(_check_digits),
            Documented(schema, alone=True),
        ),
    )


def _check_digits(value: Decimal) -> Decimal:
    # A short text can mean a number of a billion digits, which a driver would write out.
    _, digits, exponent = value.as_tuple()
    if len(digits) > _MOST_DIGITS or int(exponent) < _SMALLEST_EXPONENT:
        raise ValueError("the number has too many digits")
    return value


def _date(_: Any) -> ValueType:
    return ValueType("moment", annotated(date, BeforeValidator(_calendar)))


def _calendar(value: object) -> object:
    # Pydantic alone reads 0 and 86400 as days since 1970.
    if isinstance(value, str) and re.fullmatch(r"[-+.\d]+", value):
        return date.fromisoformat(value)
    return value


def _moment(type_: Any) -> ValueType:
    check = _in_utc if type_.timezone else _in_utc_without_offset
    return ValueType(
        "moment", annotated(datetime, BeforeValidator(_iso_8601), AfterValidator(check))
    )


def _iso_8601(value: object) -> object:
    # Pydantic alone reads 20240131 as a Unix time. What is not ISO 8601 goes on to it, for its
    # error, except a number.
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            if re.fullmatch(r"[-+.\d]+", value):
                raise
    return value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is outside the years 1 to 9999 in UTC") from error


def _in_utc_without_offset(value: datetime) -> datetime:
    return _in_utc(value).replace(tzinfo=None)


def _time(type_: Any) -> ValueType:
    if type_.timezone:
        # Its order is not that of instants, and differs between engines.
        return ValueType("other", None)
    return ValueType(
        "moment",
        annotated(
            time,
            BeforeValidator(_clock),
            Documented({"type": "string", "pattern": _TIME}, alone=True),
        ),
    )


def _clock(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_TIME, value, re.ASCII):
        raise ValueError("the time is not written as HH:MM:SS, without an offset")
    return value


def _boolean(_: Any) -> ValueType:
    return ValueType("truth", bool)


def _identity(_: Any) -> ValueType:
    return ValueType("identity", UUID)


def _array(type_: Any) -> ValueType:
    item = value_type(type_.item_type)
    if (type_.dimensions or 1) > 1 or item.annotation is None:
        return ValueType("other", None)
    return ValueType("array", item.annotation)


# The order matters: an Enum is a String as well, and in SQLAlchemy 2.0 a Float a Numeric.
_MAKERS: tuple[tuple[type[Any], Callable[[Any], ValueType]], ...] = (
    (Enum, _choice),
    (Boolean, _boolean),
    (Integer, _integer),
    (Float, _float),
    (Numeric, _decimal),
    (DateTime, _moment),
    (Date, _date),
    (Time, _time),
    (Uuid, _identity),
    (ARRAY, _array),
    (String, _text),
)
