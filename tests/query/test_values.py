"""What a parameter takes, by the type of the column that it is compared with."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

import pytest
from advanced_alchemy.types import GUID, BigIntIdentity, DateTimeUTC
from pydantic import TypeAdapter, ValidationError
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
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from holdfast.query.values import several, value_type


class Lowered(TypeDecorator[str]):
    """Texts that are stored in lower case, and says that they are texts."""

    impl = String(300)
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str


class Money(TypeDecorator[Any]):
    """A type of its own that is stored as a number."""

    impl = Integer()
    cache_ok = True


class Named(TypeDecorator[Any]):
    """A type that says it is a text, and is stored as a number."""

    impl = Integer()
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str


class Size(PythonEnum):
    """A choice of numbers."""

    SMALL = 1


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (String(5), "text"),
        (Lowered(), "text"),
        (Boolean(), "truth"),
        (BigIntIdentity, "number"),
        (Float(), "number"),
        (mysql.DOUBLE(), "number"),
        (DateTimeUTC(timezone=True), "moment"),
        (GUID(), "identity"),
        (Uuid(as_uuid=False), "identity"),
        (postgresql.ENUM("a", name="letter"), "choice"),
        (ARRAY(Integer()), "array"),
        (ARRAY(Integer(), dimensions=2), "other"),
        (ARRAY(LargeBinary()), "other"),
        (Money(), "other"),
        (Named(), "other"),
        (Interval(), "other"),
        (LargeBinary(), "other"),
        (Time(timezone=True), "other"),
        (postgresql.TSVECTOR(), "other"),
    ],
    ids=repr,
)
def test_a_type_is_of_a_kind(type_: TypeEngine[Any], kind: str) -> None:
    """What a column holds decides how it is compared; what is not known for sure is not."""
    assert value_type(type_).kind == kind


@pytest.mark.parametrize(
    ("type_", "taken", "refused"),
    [
        (SmallInteger(), ["-32768", "32767"], ["32768", "-32769", "1.5", "", "9" * 5000]),
        (Integer(), ["2147483647"], ["2147483648", "NaN"]),
        (BigInteger(), ["-9223372036854775808"], ["9223372036854775808"]),
        (mysql.INTEGER(unsigned=True), ["0", "4294967295"], ["-1", "4294967296"]),
        (Float(), ["1e300", "-0.0"], ["nan", "inf", "1e309", "-Infinity"]),
        (REAL(), ["3e38"], ["1e39"]),
        (Numeric(4, 2), ["100", "0.001"], ["101", "NaN", "sNaN", "1e-401", "0." + "1" * 65]),
        (String(5), ["a" * 200], ["a" * 201, "\0", "\ud800"]),
        (String(300), ["a" * 300], ["a" * 301]),
        (String(9_000), ["a" * 4_000], ["a" * 4_001]),
        (Text(), ["a" * 1_000], ["a" * 1_001]),
        (Enum("a", "b"), ["a"], ["A", ""]),
        (Enum(Size), ["1"], ["SMALL", "2"]),
        (Boolean(), ["true", "0"], ["", "2"]),
        (Uuid(), ["0" * 32], ["0" * 31, "x"]),
        (Time(), ["10:00", "23:59:59.999999"], ["24:00", "10:00Z", "10:00+02:00", "3600"]),
        (Date(), ["2024-01-31", "2024-01-31T00:00"], ["0", "86400", "-1", "1.5", "2024-02-30"]),
        (
            DateTime(),
            ["2024-01-01", "2024-W01-1", "2024-01-01T00:00Z"],
            ["1700000000", "9999-12-31T23:59-14:00"],
        ),
    ],
    ids=repr,
)
def test_a_value_is_one_that_the_column_can_be_compared_with(
    type_: TypeEngine[Any], taken: list[str], refused: list[str]
) -> None:
    """What a database or its driver would fail on is refused, and what it can hold is taken."""
    adapter = TypeAdapter[Any](value_type(type_).annotation)
    for text in taken:
        adapter.validate_python(text)
    for text in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_a_time_has_the_form_that_the_column_takes() -> None:
    """Without an offset it is UTC; a column without offsets gets it in UTC without one."""
    aware = TypeAdapter[Any](value_type(DateTime(timezone=True)).annotation)
    assert aware.validate_python("2024-01-01T01:00") == datetime(2024, 1, 1, 1, tzinfo=UTC)
    naive = TypeAdapter[Any](value_type(DateTime()).annotation)
    given = naive.validate_python("2024-01-01T01:00+01:00")
    assert (given, given.tzinfo) == (datetime(2024, 1, 1), None)  # noqa: DTZ001 - what is claimed


def test_several_values_are_bounded() -> None:
    """A list has as many values as it is said to."""
    adapter = TypeAdapter[Any](several(value_type(Numeric()).annotation, 1, 2))
    assert adapter.validate_python(["1", "2.5"]) == [Decimal(1), Decimal("2.5")]
    for refused in ([], ["1", "2", "3"]):
        with pytest.raises(ValidationError):
            adapter.validate_python(refused)
