"""The end of an application: it waits for what is being rolled back, and for nothing else."""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import text

from holdfast.testing import client
from holdfast.transaction.overdue import outwait_endings
from holdfast.transaction.shield import finish
from tests.asgi import Cancel
from tests.transaction.rig import Rig, on_session, until

drivers = pytest.mark.parametrize("store", ["asyncpg", "psycopg", "psycopg-sync"], indirect=True)


@drivers
async def test_a_cancelled_request_has_ended_before_the_engines_go(rig: Rig) -> None:
    """It is over when the application is, though nobody else waits for it."""

    @rig.app.post("/")
    async def sleep(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.execute(text("SELECT pg_sleep(0.5)")))

    when = asyncio.Event()
    async with rig.alchemy.lifespan(rig.app):
        request = asyncio.create_task(rig.call(cancel=Cancel("native", when)))
        await until(lambda: rig.store.checked_out)
        when.set()
        await asyncio.sleep(0)
    # A few turns for the test's own side; the pool is a new one, and knows nothing of the last.
    for _ in range(5):
        await asyncio.sleep(0)
    assert request.done()
    assert request.result().cancelled


async def test_nobody_waits_where_nothing_is_ending() -> None:
    """Neither for a task that was cancelled and holds nothing, nor for one that is at work."""

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        await asyncio.sleep(5)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    start = perf_counter()
    await outwait_endings(3)
    assert perf_counter() - start < 1
    task.cancel()


async def test_the_wait_is_bounded() -> None:
    """An operation that takes longer than that goes on by itself."""
    operation = asyncio.create_task(finish(asyncio.sleep(1), 5))
    await asyncio.sleep(0)
    start = perf_counter()
    await outwait_endings(0.1)
    assert 0.1 <= perf_counter() - start < 0.5
    await outwait_endings(5)
    assert operation.done()


@pytest.mark.parametrize("store", ["asyncpg"], indirect=True)
async def test_whoever_drives_the_application_is_not_waited_for(rig: Rig) -> None:
    """A test that is cancelled ends the application at once, and is the one that does."""
    start = perf_counter()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1), client(rig.app) as http:
            await http.get("/")
            await asyncio.sleep(5)
    assert perf_counter() - start < 2
