"""The row as it is committed."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    CHAR,
    JSON,
    DateTime,
    Float,
    MetaData,
    Numeric,
    String,
    func,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, defer, mapped_column

from holdfast.query.committed import Reload
from holdfast.query.create import create_row
from holdfast.query.services import session_of
from holdfast.query.update import update_row
from tests.query.writers import DRIVERS, Writer, opened

HERE = timezone(timedelta(hours=2))
FRACTION = datetime(2026, 1, 1, 10, 0, 0, 123456)  # noqa: DTZ001


def now() -> datetime:
    return datetime.now(UTC)


class Own(DeclarativeBase):
    metadata = MetaData()


class Plain(Own):
    """What every database gives back as it was written."""

    __tablename__ = "committed_plain"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    note: Mapped[str | None] = mapped_column(String(50), deferred=True)
    made: Mapped[str] = mapped_column(String(20), server_default="server")
    kind: Mapped[str] = mapped_column(String(20), default=lambda: "python")
    seen: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Measure(Own):
    """What they change in one way or another."""

    __tablename__ = "committed_measure"

    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    weight: Mapped[float | None] = mapped_column(Float)
    code: Mapped[str | None] = mapped_column(CHAR(4))
    at: Mapped[datetime | None] = mapped_column(DateTime)
    seen: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    document: Mapped[Any] = mapped_column(JSON, nullable=True)
    touched: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), onupdate=now)


class Shout(Own):
    """A column, and an expression made of it."""

    __tablename__ = "committed_shout"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(4))
    shout = column_property(func.upper(code))


class Stamped(Own):
    """Its version is the time of its last change."""

    __tablename__ = "committed_stamped"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    stamp: Mapped[datetime] = mapped_column(DateTime)

    __mapper_args__ = {  # noqa: RUF012 - as SQLAlchemy reads it
        "version_id_col": stamp,
        "version_id_generator": lambda _: now().replace(tzinfo=None, microsecond=123456),
    }


VALUES: list[dict[str, Any]] = [
    {"price": Decimal("9.5")},
    {"price": Decimal("9.50")},
    {"price": 9},
    {"weight": 0.1},
    {"weight": 3},
    {"code": "a"},
    {"code": "abcd"},
    {"at": FRACTION},
    {"at": FRACTION.replace(microsecond=0)},
    {"seen": FRACTION.replace(tzinfo=HERE)},
    {"seen": FRACTION.replace(tzinfo=UTC)},
    {"seen": FRACTION.replace(tzinfo=UTC, microsecond=0)},
    {"document": {"b": 1, "a": [1.0, None]}},
    {"document": None},
    {},
]


@pytest.fixture(params=DRIVERS, scope="module")
async def writer(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, Own.metadata) as writer:
        yield writer


def shown(entity: Any) -> Mapping[str, str]:
    """Return the columns of a row as an answer would write them."""
    names = type(entity).__mapper__.column_attrs.keys()
    values = {name: getattr(entity, name) for name in names}
    # By the parts of a moment: drivers have classes of their own for the same zone.
    return {
        name: value.isoformat() if isinstance(value, datetime) else repr(value)
        for name, value in values.items()
    }


async def stored(writer: Writer, model: type[Any], key: int) -> Mapping[str, str]:
    def read(service: Any) -> Mapping[str, str]:
        return shown(session_of(service).scalars(select(model).where(model.id == key)).one())

    return await writer.run(model, read)


@pytest.mark.parametrize("values", VALUES, ids=str)
async def test_what_is_answered_is_what_a_fresh_read_gives(
    writer: Writer, values: dict[str, Any]
) -> None:
    """A created and a changed row are shown as another session reads them."""
    row = await writer.run(Measure, lambda s: create_row(s, values))
    assert shown(row) == await stored(writer, Measure, row.id)
    row = await writer.run(Measure, lambda s: create_row(s, {"code": "old"}))
    row = await writer.run(Measure, lambda s: update_row(s, row.id, values))
    assert shown(row) == await stored(writer, Measure, row.id)


async def test_expressions_of_the_mapper_are_read_again(writer: Writer) -> None:
    """A mapped expression is what the database makes of the new values."""
    row = await writer.run(Shout, lambda s: create_row(s, {"code": "a"}))
    assert row.shout == "A"
    row = await writer.run(Shout, lambda s: update_row(s, row.id, {"code": "b"}))
    assert row.shout == "B"


async def test_values_that_are_kept_are_not_read_again(writer: Writer) -> None:
    """Ordinary values, defaults of both kinds and NULLs are known after one INSERT."""
    values = {"name": "Ann", "price": Decimal("9.50")}
    row = await writer.run(Plain, lambda s: create_row(s, values))
    assert len(writer.statements) == 1
    assert shown(row) == await stored(writer, Plain, row.id)
    row = await writer.run(Plain, lambda s: update_row(s, row.id, {"name": "Anna"}))
    assert (row.name, row.made, row.kind) == ("Anna", "server", "python")


async def test_only_what_is_shown_is_read_again(writer: Writer) -> None:
    """A value that the database rounds costs nothing where the answer does not show it."""
    values = {"name": "Ann", "price": Decimal("9.5")}
    reload = Reload(is_complete=lambda _: True, shown=frozenset({"id", "name"}))
    await writer.run(Plain, lambda s: create_row(s, values, reload=reload))
    assert len(writer.statements) == 1
    row = await writer.run(Plain, lambda s: create_row(s, values))
    assert len(writer.statements) == 2
    assert str(row.price) == "9.50"


async def test_the_version_is_always_known_as_it_is_kept(writer: Writer) -> None:
    """An entity tag is made of what the database keeps, whether or not the answer shows it."""
    reload = Reload(is_complete=lambda _: True, shown=frozenset({"id"}))
    row = await writer.run(Stamped, lambda s: create_row(s, {"name": "a"}, reload=reload))
    assert shown(row) == await stored(writer, Stamped, row.id)


async def test_the_row_is_read_as_the_answer_loads_it(writer: Writer) -> None:
    """Loader options of the answer apply to reading it again, and what is loaded stays loaded."""
    reload = Reload(options=(defer(Plain.made),))
    values = {"name": "Ann", "price": Decimal("9.5")}
    row = await writer.run(Plain, lambda s: create_row(s, values, reload=reload))
    assert str(row.price) == "9.50"


async def test_what_a_hook_makes_is_not_trusted(writer: Writer) -> None:
    """Values that a service's own hook set are looked at as well."""

    def plain(self: Any, data: Any) -> Any:
        return {**data, "price": Decimal("9.5"), "made": "hook"}

    async def awaited(self: Any, data: Any) -> Any:
        return plain(self, data)

    hook = awaited if writer.is_async else plain
    members = {"to_model_on_create": hook}
    row = await writer.run(Plain, lambda s: create_row(s, {"name": "Ann"}), members=members)
    assert (str(row.price), row.made) == ("9.50", "hook")
    row = await writer.run(Plain, lambda s: create_row(s, {"name": "Ann"}))
    members = {"to_model_on_update": hook}
    row = await writer.run(Plain, lambda s: update_row(s, row.id, {"name": "Bob"}), members=members)
    assert (str(row.price), row.made) == ("9.50", "hook")


async def test_sql_that_a_hook_sets_is_read(writer: Writer) -> None:
    """An expression that a hook sets is known by what it came to."""

    def plain(self: Any, data: Any) -> Any:
        return {**data, "made": func.lower("LOUD")}

    async def awaited(self: Any, data: Any) -> Any:
        return plain(self, data)

    hook = {"to_model_on_update": awaited if writer.is_async else plain}
    row = await writer.run(Plain, lambda s: create_row(s, {"name": "Ann"}))
    row = await writer.run(Plain, lambda s: update_row(s, row.id, {"name": "Bob"}), members=hook)
    assert row.made == "loud"
