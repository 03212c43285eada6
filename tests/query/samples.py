"""Rows with a column of each kind, whose values are those that engines tend to confuse."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from advanced_alchemy.types import GUID, DateTimeUTC
from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Double,
    Float,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ("VALUES", "Base", "Level", "Sample", "rows")


class Base(DeclarativeBase):
    """The table of samples alone."""


class Level(Enum):
    """A choice whose values are numbers."""

    LOW = 1
    HIGH = 2


class Sample(Base):
    """One value of each kind, or NULL."""

    __tablename__ = "sample"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None] = mapped_column(String(60))
    long_text: Mapped[str | None] = mapped_column(Text())
    word: Mapped[str | None] = mapped_column(String(20))
    small: Mapped[int | None] = mapped_column(SmallInteger())
    number: Mapped[int | None]
    large: Mapped[int | None] = mapped_column(BigInteger())
    amount: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    ratio: Mapped[float | None] = mapped_column(Float())
    exact_ratio: Mapped[float | None] = mapped_column(Double())
    day: Mapped[date | None] = mapped_column(Date())
    moment: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    )
    local: Mapped[datetime | None] = mapped_column(
        DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    )
    utc: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    clock: Mapped[time | None] = mapped_column(Time())
    level: Mapped[Level | None]
    flag: Mapped[bool | None]
    key: Mapped[UUID | None] = mapped_column(Uuid())
    key_text: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    guid: Mapped[UUID | None] = mapped_column(GUID())


_TEXTS = ("Ann", "ann", "ANN ", "Änn", "änn", "a%n", "a_n", "a/n", "a*n", "a?n", "[a]", "", "😀 𝄞")
_START = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)
# To asyncpg the first and the last day that Python has mean infinity.
_MOMENTS = (_START, _START + timedelta(microseconds=1), datetime(1, 1, 2, tzinfo=UTC))
_SECONDS = tuple(moment.replace(microsecond=0) for moment in _MOMENTS)
_KEYS = (UUID(int=0), UUID(int=2**127), UUID("12345678-1234-5678-9234-567812345678"))

VALUES: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "text": _TEXTS,
        "long_text": _TEXTS,
        "word": ("a", "ab", "b", "ba"),
        "small": (-(2**15), -1, 0, 1, 2**15 - 1),
        "number": (-(2**31), -1, 0, 1, 2**31 - 1),
        "large": (-(2**63), 2**53, 2**53 + 1, 2**63 - 1),
        "amount": (Decimal("0.10"), Decimal("-0.10"), Decimal("1.99"), Decimal("99999999.99")),
        "ratio": (0.1, 0.25, -0.1, 0.0),
        "exact_ratio": (0.1, 0.1 + 0.2, 0.3, -1e300),
        "day": (date(1, 1, 2), date(2024, 2, 29), date(9999, 12, 30)),
        "moment": _MOMENTS,
        "local": tuple(moment.replace(tzinfo=None) for moment in _MOMENTS),
        "utc": _SECONDS,
        "clock": (time(0), time(12, 30, 1), time(23, 59, 59)),
        "level": tuple(Level),
        "flag": (True, False),
        "key": _KEYS,
        "key_text": tuple(map(str, _KEYS)),
        "guid": _KEYS,
    }
)
"""What each column holds in some row."""


def rows() -> list[Sample]:
    """Return rows in which each value of each column is found, and some that have none."""
    longest = max(map(len, VALUES.values()))
    made = [
        Sample(id=number + 1, **{name: each[number % len(each)] for name, each in VALUES.items()})
        for number in range(longest)
    ]
    return [*made, Sample(id=longest + 1), Sample(id=longest + 2)]
