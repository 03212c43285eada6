"""The database's own value of a sort key: it survives a cursor, whatever its type."""

import enum
from collections.abc import Generator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from advanced_alchemy.types import GUID, DateTimeUTC
from sqlalchemy import (
    CHAR,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Time,
    Uuid,
    delete,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeEngine

from holdfast.query.pages import fetch_page
from holdfast.query.sort import declared_sort, default_order, in_order, parse_order
from tests.query.databases import DRIVERS, Opened, opened


class Level(enum.Enum):
    """Declared in another order than that of the names."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


TEXTS = ["", "a", "A", "a ", "ab", "b", "ä", "é", "日本", "😀", "it's", "back\\slash", '%_"`']
MOMENTS = [
    datetime(1970, 1, 2, 1, 2, 3, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999998, tzinfo=timezone(timedelta(hours=-5))),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
]
NAIVE = [moment.replace(tzinfo=None) for moment in MOMENTS]
UUIDS = [UUID(int=n) for n in (0, 1, 2**64, 2**127, 2**128 - 1)] + [
    UUID("6ccd780c-baba-1026-9564-5b8c656024db"),
    UUID("0190163d-8694-739b-aea5-966c26f8ad91"),
]
TIMES = [time(0), time(1, 2, 3), time(12, 30, 0, 1), time(23, 59, 59, 999999)]
NUMBERS = [0.1, 0.2, -0.1, 1 / 3, 1e10, 123456.789, 1.5e-7, 16777217.0, 0.0]
PRECISE = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
PRECISE_TIME = Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb")

VALUES: dict[str, tuple[TypeEngine[Any], Sequence[Any]]] = {
    "small": (SmallInteger(), [-32768, -1, 0, 1, 32767]),
    "integer": (Integer(), [-(2**31), 0, 7, 2**31 - 1]),
    "big": (BigInteger(), [-(2**63), 0, 2**53 + 1, 2**63 - 1]),
    "unsigned": (
        Integer().with_variant(mysql.INTEGER(unsigned=True), "mysql", "mariadb"),
        [0, 2**31 - 1],
    ),
    "boolean": (Boolean(), [True, False]),
    "single": (Float(24), NUMBERS),
    "double": (Double(), [*NUMBERS, 5e-324, 1.7e308, 0.1 + 0.2]),
    "float_as_decimal": (Float(53, asdecimal=True), [Decimal("0.1"), Decimal("0.3333333333333")]),
    "price": (Numeric(10, 2), [Decimal("0.10"), Decimal("-5.00"), Decimal("99999999.99")]),
    "exact": (Numeric(38, 20, asdecimal=False), [0.1, 1 / 3, 2 / 3, 1e15 / 3]),
    "text": (String(50), TEXTS),
    "code": (CHAR(5), [*TEXTS[1:9], "x    ", "abcde"]),
    "moment": (DateTime(timezone=True), MOMENTS),
    "naive": (PRECISE, NAIVE),
    "utc": (DateTimeUTC(), MOMENTS),
    "day": (Date(), [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)]),
    "clock": (PRECISE_TIME, TIMES),
    "uuid": (Uuid(), UUIDS),
    "uuid_text": (Uuid(as_uuid=False), [str(value) for value in UUIDS]),
    "uuid_chars": (Uuid(native_uuid=False), UUIDS),
    "guid": (GUID(), UUIDS),
    "level": (Enum(Level), list(Level)),
    "label": (Enum("low", "high", name="label", native_enum=False), ["low", "high"]),
    "raw": (LargeBinary(20), [b"", b"\x00", b"\x00\x01", b"\xff" * 20, "ä".encode()]),
}


class Base(DeclarativeBase):
    """The table of these tests alone."""


Thing: Any = type(
    "Thing",
    (Base,),
    {
        "__tablename__": "thing",
        "__annotations__": {"id": Mapped[int]},
        "id": mapped_column(Integer, primary_key=True),
        **{name: mapped_column(type_, nullable=True) for name, (type_, _) in VALUES.items()},
    },
)


@pytest.fixture(params=DRIVERS, scope="module")
def database(request: pytest.FixtureRequest) -> Generator[Opened]:
    """Give a database, for every driver."""
    with opened(request.param, request, Base) as found:
        yield found


def fill(session: Session, name: str) -> None:
    """Leave a row of each value, a second one of the first, and one with NULL."""
    values = VALUES[name][1]
    session.execute(delete(Thing))
    rows = enumerate([*values, values[0], None], start=1)
    session.execute(insert(Thing), [{"id": n, name: value} for n, value in rows])


def walk(session: Session, name: str, sort: str, limit: int = 2) -> tuple[list[int], list[int]]:
    """Return the ids as pages show them to the end, and as those before the last show them."""
    keys = declared_sort(Thing, [getattr(Thing, name)])
    order = parse_order(sort, keys, default_order(None, keys, Thing), Thing)
    listed = select(Thing)
    page = fetch_page(session, listed, order=order, limit=limit)
    forwards = [thing.id for thing in page.rows]
    while page.next_cursor and len(forwards) < 50:
        page = fetch_page(session, listed, order=order, limit=limit, cursor=page.next_cursor)
        forwards += [thing.id for thing in page.rows]
    backwards = [thing.id for thing in page.rows]
    while page.previous_cursor and len(backwards) < 50:
        page = fetch_page(session, listed, order=order, limit=limit, cursor=page.previous_cursor)
        backwards = [thing.id for thing in page.rows] + backwards
    return forwards, backwards


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_every_type_survives_a_cursor(database: Opened, name: str) -> None:
    """Pages of two rows show the same rows in the same order as one list of all, either way."""

    def work(session: Session) -> None:
        fill(session, name)
        keys = declared_sort(Thing, [getattr(Thing, name)])
        for sort in (name, f"-{name}"):
            order = parse_order(sort, keys, default_order(None, keys, Thing), Thing)
            whole = in_order(select(Thing), order, session.get_bind().dialect.name)
            expected = [thing.id for thing in session.scalars(whole)]
            assert len(expected) == len(VALUES[name][1]) + 2
            assert walk(session, name, sort) == (expected, expected)

    database.run(work)


@pytest.mark.parametrize("database", ["psycopg", "asyncpg"], indirect=True)
@pytest.mark.parametrize("name", ["double", "exact"])
def test_what_is_no_number_survives_on_postgresql(database: Opened, name: str) -> None:
    """NaN and the infinities, which PostgreSQL has an order for, are keys like others."""

    def work(session: Session) -> None:
        fill(session, name)
        for n, value in enumerate(("NaN", "Infinity", "-Infinity", "NaN"), start=50):
            if name == "double" or "Inf" not in value:
                session.execute(text(f"INSERT INTO thing (id, {name}) VALUES ({n}, '{value}')"))
        ids = set(session.scalars(select(Thing.id)))
        for sort in (name, f"-{name}"):
            forwards, backwards = walk(session, name, sort)
            assert forwards == backwards
            assert sorted(forwards) == sorted(ids)

    database.run(work)


@pytest.mark.parametrize("database", ["sqlite", "aiosqlite"], indirect=True)
def test_sqlite_finds_a_number_again_that_is_longer_than_its_scale(database: Opened) -> None:
    """SQLite keeps what a scale, a length or a type of column would cut elsewhere."""

    def work(session: Session) -> None:
        fill(session, "price")
        for n, value in enumerate(("0.104", "0.1049", "'a text'", "x'00'", "9e999"), start=50):
            session.execute(text(f"INSERT INTO thing (id, price) VALUES ({n}, {value})"))
        ids = [*session.scalars(select(Thing.id))]
        seen: list[int] = []
        keys = declared_sort(Thing, [Thing.price])
        order = parse_order("-price", keys, default_order(None, keys, Thing), Thing)
        cursor = None
        while len(seen) < 50:
            page = fetch_page(session, select(Thing.id), order=order, limit=2, cursor=cursor)
            seen += page.rows
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(ids)

    database.run(work)
