"""Numbers beyond the range of a column find nothing, and are no error of any engine."""

from collections.abc import AsyncGenerator

import pytest
from advanced_alchemy import filters
from advanced_alchemy.filters import StatementFilter
from sqlalchemy import BigInteger, SmallInteger, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from holdfast import base
from holdfast.wiring import filter_integers

COLUMNS = ("small", "plain", "big")
WIDE = (2**15, -(2**15) - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63))


class CountedThing(base.BigIntBase):
    small: Mapped[int] = mapped_column(SmallInteger)
    plain: Mapped[int]
    big: Mapped[int] = mapped_column(BigInteger)


@pytest.fixture
async def session(async_engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    async with async_engine.begin() as connection:
        await connection.run_sync(CountedThing.metadata.tables["counted_thing"].create)
    async with AsyncSession(async_engine) as session:
        session.add_all(CountedThing(id=n, small=n, plain=n, big=n) for n in range(3))
        await session.flush()
        yield session


async def ids(session: AsyncSession, item: StatementFilter) -> list[int]:
    statement = item.append_to_statement(select(CountedThing), CountedThing)
    return sorted(thing.id for thing in await session.scalars(statement))


async def test_beyond_the_column(session: AsyncSession) -> None:
    """Beside numbers that a column cannot hold, the others are found, or left out."""
    for column in COLUMNS:
        for wide in WIDE:
            values = [0, 2, wide]
            assert await ids(session, filter_integers.CollectionFilter(column, values)) == [0, 2]
            assert await ids(session, filter_integers.NotInCollectionFilter(column, values)) == [1]


async def test_empty(session: AsyncSession) -> None:
    """Without values a collection means what it means upstream: nothing, or no filter."""
    assert await ids(session, filter_integers.CollectionFilter("plain", [])) == []
    assert await ids(session, filter_integers.NotInCollectionFilter("plain", None)) == [0, 1, 2]


def test_plain_statement() -> None:
    """Numbers within the range give upstream's own statement, for one entry in SQL caches."""

    def key(item: StatementFilter) -> object:
        return item.append_to_statement(select(CountedThing), CountedThing)._generate_cache_key()

    assert key(filter_integers.CollectionFilter("plain", [1])) == key(
        filters.CollectionFilter("plain", [1])
    )
