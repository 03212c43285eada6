"""Every page is part of a total order, whatever the client sorts by."""

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from advanced_alchemy.filters import LimitOffset, OrderBy, StatementFilter
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Dialect,
    ForeignKeyConstraint,
    Select,
    String,
    Update,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import (
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)

from holdfast import base, service
from holdfast.testing import count_statements
from holdfast.wiring import filter_order

POSTGRESQL: Dialect = cast("Any", postgresql.dialect)()
page = filter_order.LimitOffset(limit=2, offset=0)


class OrderedSeat(base.DefaultBase):
    """A composite key, declared the other way round than it is named."""

    row: Mapped[int] = mapped_column("seat_row", primary_key=True)
    column: Mapped[int] = mapped_column("seat_column", primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    guests: Mapped[list["OrderedGuest"]] = relationship()


class OrderedGuest(base.DefaultBase):
    __table_args__ = (
        ForeignKeyConstraint(
            ["row", "column"], ["ordered_seat.seat_row", "ordered_seat.seat_column"]
        ),
    )
    # MariaDB would generate a number in place of 0.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row: Mapped[int]
    column: Mapped[int]


class SeatRepository(SQLAlchemyAsyncRepository[OrderedSeat]):
    model_type = OrderedSeat


def filtered(statement: Select[Any], *filters: StatementFilter) -> Select[Any]:
    for item in filters:
        statement = item.append_to_statement(statement, OrderedSeat)
    return statement


def order_of(statement: Select[Any]) -> str:
    """Compile a statement: its outermost ORDER BY."""
    sql = " ".join(str(statement.compile(dialect=POSTGRESQL)).split())
    _, found, order = sql.rpartition(" ORDER BY ")
    return order.partition(" LIMIT ")[0] if found else ""


KEY, KEY_DESC = (
    f"ordered_seat.seat_row {way}, ordered_seat.seat_column {way}" for way in ("ASC", "DESC")
)
SEATS = select(OrderedSeat)
# Before SQLAlchemy 2.1 it was an argument of `distinct`, which has been deprecated since.
SEATS_BY_NAME = (
    SEATS.ext(postgresql.distinct_on(OrderedSeat.name))
    if hasattr(Select, "ext")
    else SEATS.distinct(OrderedSeat.name)
)


@pytest.mark.parametrize(
    ("statement", "filters", "expected"),
    [
        (SEATS, [page], KEY),
        (SEATS, [page, OrderBy("name")], f"ordered_seat.name ASC, {KEY}"),
        (SEATS, [OrderBy("name"), page], f"ordered_seat.name ASC, {KEY}"),
        (SEATS, [page, OrderBy("name", "desc")], f"ordered_seat.name DESC, {KEY_DESC}"),
        (
            SEATS,
            [page, OrderBy("name", "desc", nulls="last")],
            f"ordered_seat.name DESC NULLS LAST, {KEY_DESC}",
        ),
        (
            SEATS,
            [OrderBy("name", "desc"), page, OrderBy("name", "asc")],
            f"ordered_seat.name DESC, ordered_seat.name ASC, {KEY}",
        ),
        (
            SEATS,
            [page, OrderBy("column", "desc")],
            "ordered_seat.seat_column DESC, ordered_seat.seat_row DESC",
        ),
        (
            SEATS,
            [page, OrderBy("row"), OrderBy("column")],
            "ordered_seat.seat_row ASC, ordered_seat.seat_column ASC",
        ),
        (SEATS.order_by(func.random()), [page], f"random(), {KEY}"),
        (SEATS.distinct(), [page], KEY),
        (SEATS_BY_NAME, [page], ""),
        (SEATS_BY_NAME.order_by(OrderedSeat.name), [page], f"ordered_seat.name, {KEY}"),
        (select(OrderedSeat.name), [page], ""),
        (
            select(OrderedSeat, OrderedGuest).join(OrderedGuest),
            [page],
            f"{KEY}, ordered_guest.id ASC",
        ),
        (
            select(aliased(OrderedSeat, name="s")),
            [page],
            "s.seat_row ASC, s.seat_column ASC",
        ),
        (SEATS, [LimitOffset(2, 0)], ""),
    ],
)
def test_order(statement: Select[Any], filters: list[StatementFilter], expected: str) -> None:
    """The key of what is selected comes last, once, and in the direction of what is before it."""
    assert order_of(filtered(statement, *filters)) == expected


def test_order_taken_back() -> None:
    """A statement made of the page's, as that of a count is, can drop its order."""
    statement = filtered(SEATS, page, OrderBy("name"))
    counting = statement.with_only_columns(func.count()).order_by(None).limit(None).offset(None)
    assert order_of(counting) == ""


def test_other_statements() -> None:
    """A page changes nothing about a statement that is no SELECT."""
    statements: list[Any] = [delete(OrderedSeat), update(OrderedSeat)]
    for statement in statements:
        assert page.append_to_statement(statement, OrderedSeat) is statement
    assert isinstance(statements[1], Update)


def test_statements_are_cached() -> None:
    """Pages of one list are one statement to SQLAlchemy's cache, and none of an unordered one."""

    def key(cut: LimitOffset) -> Any:
        return filtered(SEATS, cut, OrderBy("name"))._generate_cache_key()

    assert key(page) is not None
    first, third, plain = map(key, (page, filter_order.LimitOffset(20, 40), LimitOffset(2, 0)))
    assert first == third
    assert first != plain


def test_equality() -> None:
    """A page equals upstream's of the same numbers, both ways round, and is found as one."""
    plain = LimitOffset(2, 0)
    assert page == plain
    assert plain == page
    assert page != LimitOffset(2, 2)
    assert page != OrderBy("name")
    assert repr(page) == repr(LimitOffset(2, 0))
    assert service.find_filter(LimitOffset, [OrderBy("name"), page]) is page
    with pytest.raises(TypeError, match="unhashable type: 'LimitOffset'"):
        hash(page)


@pytest.fixture
async def session(async_engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    tables = [OrderedSeat.metadata.tables[name] for name in ("ordered_seat", "ordered_guest")]
    async with async_engine.begin() as connection:
        await connection.run_sync(OrderedSeat.metadata.create_all, tables=tables)
    async with AsyncSession(async_engine) as session:
        # Stored in no order that a page has.
        for number in (5, 2, 7, 0, 3, 6, 1, 4):
            seat = OrderedSeat(row=number // 3, column=number % 3, name="ab"[number % 2])
            seat.guests = [OrderedGuest(id=number)]
            session.add(seat)
            await session.flush()
        yield session


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
async def test_relations_of_a_page(session: AsyncSession, load: Any) -> None:
    """Each way of loading relations loads those of the very rows on the page."""
    session.expunge_all()
    for offset in range(0, 8, 2):
        seats = await SeatRepository(session=session).get_many(
            filter_order.LimitOffset(2, offset),
            OrderBy("name", "desc"),
            load=[load(OrderedSeat.guests)],
            uniquify=True,
        )
        found = [[guest.id for guest in seat.guests] for seat in seats]
        assert found == [[seat.row * 3 + seat.column] for seat in seats]


async def test_counting(session: AsyncSession) -> None:
    """The total is that of all pages, by a window or by a statement of its own."""
    repository = SeatRepository(session=session)
    for window, statements in ((True, 1), (False, 2)):
        with count_statements(session) as seen:
            seats, total = await repository.get_many_and_count(
                page, OrderBy("name"), count_with_window_function=window
            )
        assert ([(seat.row, seat.column) for seat in seats], total) == ([(0, 0), (0, 2)], 8)
        assert len(seen) == statements


async def test_order_of_the_handler(session: AsyncSession) -> None:
    """What the handler orders by counts before the key, in ``order_by`` or as a filter."""
    repository = SeatRepository(session=session)
    by_keyword = await repository.get_many(page, order_by=[("name", False), ("column", True)])
    by_filter = await repository.get_many(page, OrderBy("name"), OrderBy("column", "desc"))
    for seats in (by_keyword, by_filter):
        assert [(seat.row, seat.column) for seat in seats] == [(0, 2), (1, 1)]


async def test_every_row_is_on_one_page(session: AsyncSession) -> None:
    """Paging through a list shows each row once, whatever the size of the page and the order."""
    repository = SeatRepository(session=session)
    for size in (1, 2, 3, 5, 8):
        for order in ([], [OrderBy("name")], [OrderBy("name", "desc"), OrderBy("row")]):
            seen: Counter[int] = Counter()
            for offset in range(0, 8, size):
                seats = await repository.get_many(filter_order.LimitOffset(size, offset), *order)
                seen.update(seat.row * 3 + seat.column for seat in seats)
            assert seen == Counter(range(8))


FIELDS = st.sampled_from(["name", "row", "column"])
DIRECTIONS = st.sampled_from(["asc", "desc"])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.builds(OrderBy, FIELDS, DIRECTIONS), max_size=4), st.integers(0, 4))
def test_where_the_page_stands_does_not_matter(orders: list[OrderBy], place: int) -> None:
    """A page gives the same statement wherever it stands among the filters."""
    anywhere: list[StatementFilter] = [*orders[:place], page, *orders[place:]]
    order = order_of(filtered(SEATS, *anywhere))
    assert order == order_of(filtered(SEATS, page, *orders))
    asked = order_of(filtered(SEATS, *orders))
    assert order.startswith(asked)
    for part in ("seat_row", "seat_column"):
        assert order.count(part) == max(asked.count(part), 1)
