"""A statement that takes too long is ended, by the database or by its driver: 504."""

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tests.transaction.rig import Rig, opened
from tests.transaction.store import Item, Store

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
# Set a limit, then exceed it.
SLOW = {
    "aiosqlite": (None, ENDLESS),
    "asyncpg": ("SET LOCAL statement_timeout = 50", "SELECT pg_sleep(5)"),
    "psycopg": ("SET LOCAL statement_timeout = 50", "SELECT pg_sleep(5)"),
    "asyncmy": ("SET max_statement_time = 0.05", "DELETE FROM item WHERE sleep(5)"),
}


async def interrupt_soon(session: AsyncSession) -> None:
    """End the statement that SQLite is about to run, as a watchdog of the application does."""
    raw: Any = await (await session.connection()).get_raw_connection()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, lambda: loop.create_task(raw.driver_connection.interrupt()))


def serve(rig: Rig) -> None:
    """Give the application a route that adds an item and waits for the database."""
    limit, slow = SLOW[rig.store.database.backend]

    @rig.app.post("/", status_code=201)
    async def wait(
        session: Annotated[AsyncSession, Depends(rig.alchemy.provide_async_session())],
    ) -> None:
        session.add(Item(name="new"))
        await session.flush()
        if limit is None:
            await interrupt_soon(session)
        else:
            await session.execute(text(limit))
        await session.execute(text(slow))


async def assert_timed_out(rig: Rig) -> None:
    """Check that the request is answered by 504 and leaves nothing."""
    recording = await rig.call()
    assert (recording.status, recording.error) == (504, None)
    assert recording.json["type"] == "urn:holdfast:problem:statement-timeout"
    assert rig.store.names == set()
    rig.assert_clean(recording)


async def test_a_limit_of_the_database_is_a_504(async_rig: Rig) -> None:
    """PostgreSQL and MariaDB watch the time themselves, SQLite is interrupted."""
    serve(async_rig)
    await assert_timed_out(async_rig)
    await async_rig.store.dispose()  # MariaDB's limit is the connection's


@pytest.mark.parametrize("async_store", ["asyncpg"], indirect=True)
async def test_a_limit_of_the_driver_is_a_504(async_store: Store) -> None:
    """The `command_timeout` of asyncpg is raised as it is, wrapped by nobody, and yet known."""
    engine = create_async_engine(async_store.database.url, connect_args={"command_timeout": 0.1})
    limited = Store(async_store.database, engine)
    with opened(limited) as rig:

        @rig.app.post("/", status_code=201)
        async def wait(
            session: Annotated[AsyncSession, Depends(rig.alchemy.provide_async_session())],
        ) -> None:
            session.add(Item(name="new"))
            await session.flush()
            await session.execute(text("SELECT pg_sleep(5)"))

        await assert_timed_out(rig)
    await limited.dispose()


@pytest.mark.parametrize("async_store", ["aiosqlite"], indirect=True)
async def test_a_time_limit_of_the_handler_is_its_own(async_store: Store) -> None:
    """A `TimeoutError` that no statement met is none of the database's: it passes unchanged."""
    with opened(async_store) as rig:

        @rig.app.post("/", status_code=201)
        async def wait(
            session: Annotated[AsyncSession, Depends(rig.alchemy.provide_async_session())],
        ) -> None:
            await session.execute(text("SELECT 1"))
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()

        recording = await rig.call()
        assert isinstance(recording.error, TimeoutError)
