"""Times in filters reach every kind of column in the form that it takes."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from advanced_alchemy import filters
from advanced_alchemy.filters import StatementFilter
from advanced_alchemy.types import DateTimeUTC
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import DateTime, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from holdfast import base
from holdfast.errors import ConfigurationError
from holdfast.wiring import filter_instants

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class TimedEvent(base.BigIntBase):
    naive: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    aware: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    in_utc: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))


COLUMNS = ("naive", "aware", "in_utc")


@pytest.fixture
async def session(async_engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    async with async_engine.begin() as connection:
        await connection.run_sync(TimedEvent.metadata.tables["timed_event"].create)
    async with AsyncSession(async_engine) as session:
        for number in range(3):
            moment = NOON + number * HOUR
            session.add(
                TimedEvent(
                    id=number, naive=moment.replace(tzinfo=None), aware=moment, in_utc=moment
                )
            )
        await session.flush()
        yield session


async def ids(session: AsyncSession, item: StatementFilter) -> list[int]:
    statement = item.append_to_statement(select(TimedEvent), TimedEvent)
    return sorted(event.id for event in await session.scalars(statement))


async def test_bounds(session: AsyncSession) -> None:
    """Each kind of column is compared with the instant, whose offset is heeded."""
    for column in COLUMNS:
        after = filter_instants.BeforeAfter(column, before=None, after=NOON)
        assert await ids(session, after) == [1, 2]
        between = filter_instants.BeforeAfter(column, before=NOON + 2 * HOUR, after=NOON)
        assert await ids(session, between) == [1]


async def test_collections(session: AsyncSession) -> None:
    """Each kind of column is found by one of its instants, and left out by it."""
    for column in COLUMNS:
        moments = {NOON, NOON + 2 * HOUR}
        assert await ids(session, filter_instants.CollectionFilter(column, moments)) == [0, 2]
        assert await ids(session, filter_instants.NotInCollectionFilter(column, moments)) == [1]


async def test_empty_collections(session: AsyncSession) -> None:
    """Without values a collection means what it means upstream: nothing, or no filter."""
    for column in COLUMNS:
        assert await ids(session, filter_instants.CollectionFilter(column, [])) == []
        for item in (
            filter_instants.CollectionFilter(column, None),
            filter_instants.NotInCollectionFilter(column, []),
        ):
            assert await ids(session, item) == [0, 1, 2]


OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
INSTANTS = OFFSETS.flatmap(
    lambda offset: st.datetimes(timezones=st.just(offset)).filter(
        lambda moment: 1 < moment.year < 9999
    )
)


@settings(deadline=None)
@given(INSTANTS)
def test_the_instant_stays_the_same(moment: datetime) -> None:
    """A column without offsets gets the same instant, in UTC and without one."""

    def bound(column: str) -> Any:
        item = filter_instants.BeforeAfter(column, before=moment, after=None)
        compiled = item.append_to_statement(select(TimedEvent), TimedEvent).compile()
        [value] = compiled.params.values()
        return value

    assert bound("naive").tzinfo is None
    assert bound("naive").replace(tzinfo=UTC) == moment
    assert bound("aware") == bound("in_utc") == moment


def test_missing_column() -> None:
    """A column that the model lacks is named, with what to do."""
    item = filter_instants.BeforeAfter("created_at", before=NOON, after=None)
    with pytest.raises(ConfigurationError) as caught:
        item.append_to_statement(select(TimedEvent), TimedEvent)
    assert str(caught.value).startswith("TimedEvent has no attribute 'created_at' to filter by.")
    assert "Leave it out of the config" in str(caught.value)


def test_equality() -> None:
    """These filters equal upstream's of the same values, both ways round."""
    ours = filter_instants.CollectionFilter("aware", [NOON])
    assert (
        filters.CollectionFilter("aware", [NOON])
        == ours
        == filters.CollectionFilter("aware", [NOON])
    )
    assert ours != filter_instants.NotInCollectionFilter("aware", [NOON])
