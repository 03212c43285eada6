"""What a column type says of its values."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from advanced_alchemy import types as aa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator

from holdfast.schemas.values import Value, value_of
from tests.schemas.gallery import Backwards


class Colour(Enum):
    RED = "red"


class Money(TypeDecorator[Decimal]):
    """Decimals that are stored as cents."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: Any, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value) / 100


class Short(TypeDecorator[str]):
    """Texts of ten characters."""

    impl = sa.String(10)
    cache_ok = True


@pytest.mark.parametrize(
    ("column_type", "value"),
    [
        (sa.String(20), Value(str, max_length=20)),
        (sa.Text(), Value(str)),
        (sa.Integer(), Value(int, lower=-(2**31), upper=2**31 - 1)),
        (sa.SmallInteger(), Value(int, lower=-(2**15), upper=2**15 - 1)),
        (sa.BigInteger(), Value(int, lower=-(2**63), upper=2**63 - 1)),
        (
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            Value(int, lower=-(2**63), upper=2**63 - 1),
        ),
        (mysql.TINYINT(unsigned=True), Value(int, lower=0, upper=255)),
        (sa.Numeric(10, 2), Value(Decimal, max_digits=10, decimal_places=2)),
        (sa.Numeric(10), Value(Decimal, max_digits=10, decimal_places=0)),
        (sa.Numeric(), Value(Decimal)),
        (sa.Numeric(10, 2, asdecimal=False), Value(float)),
        (sa.Float(), Value(float)),
        (sa.Float(asdecimal=True), Value(Decimal)),
        (sa.Double(), Value(float)),
        (sa.Boolean(), Value(bool)),
        (sa.Date(), Value(date)),
        (sa.Time(), Value(time)),
        (sa.Interval(), Value(timedelta)),
        (postgresql.INTERVAL(), Value(timedelta)),
        (sa.DateTime(), Value(datetime, with_zone=False)),
        (sa.DateTime(timezone=True), Value(datetime, with_zone=True)),
        (sa.Uuid(), Value(UUID)),
        (sa.Uuid(as_uuid=False), Value(str)),
        (sa.LargeBinary(16), Value(bytes, max_length=16)),
        (sa.Enum(Colour), Value(Colour)),
        (sa.Enum("a", "b", name="letter"), Value(str, choices=("a", "b"))),
        (sa.JSON(), Value(is_json=True)),
        (postgresql.JSONB(), Value(is_json=True)),
        (sa.ARRAY(sa.String(5)), Value(list, item=Value(str, max_length=5))),
        (
            postgresql.ARRAY(sa.Uuid(), dimensions=2),
            Value(list, item=Value(list, item=Value(UUID))),
        ),
        (postgresql.INET(), Value()),
        (sa.PickleType(), Value()),
        (aa.GUID(), Value(UUID)),
        (aa.DateTimeUTC(), Value(datetime, with_zone=True)),
        (aa.JsonB, Value(is_json=True)),
        (aa.BigIntIdentity, Value(int, lower=-(2**63), upper=2**63 - 1)),
        (aa.EncryptedString("key", Backwards, 9), Value(str, max_length=9)),
        (aa.StoredObject("files"), Value(aa.FileObject)),
        (aa.StoredObject("files", multiple=True), Value(list, item=Value(aa.FileObject))),
        (aa.Vector(3), Value(list, item=Value(float), min_length=3, max_length=3)),
        (Money(), Value(Decimal)),
        (Short(), Value(str, max_length=10)),
    ],
    ids=lambda part: "" if isinstance(part, Value) else type(part).__name__,
)
def test_a_type_says_what_its_values_are(column_type: Any, value: Value) -> None:
    """The class and the bounds of a column's values follow from its type."""
    assert value_of(column_type) == value
