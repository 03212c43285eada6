"""A database that neither answers nor hangs up: what a request holds, it gives back in time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated, Any

import pytest
from fastapi import Depends
from fastapi.responses import Response
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.asgi import Cancel
from tests.engines.database import Database
from tests.engines.proxy import Proxy
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.store import Item, Store

# What a driver does by itself takes 2 s on asyncpg, 10 s on psycopg, and for ever in a thread.
TIMEOUT = 1.0
SLACK = 0.75

Work = Callable[[AsyncSession | Session], Awaitable[object]]
Hole = tuple[Proxy, Rig]

async_drivers = pytest.mark.parametrize("postgres_database", ["asyncpg", "psycopg"], indirect=True)


@pytest.fixture
async def hole(postgres_database: Database) -> AsyncGenerator[Hole]:
    """Give a rig whose connections pass a proxy, which is no black hole yet."""
    database = postgres_database
    assert database.server is not None
    make: Any = create_async_engine if database.is_async else create_engine
    direct = Store(database, make(database.url))
    await direct.prepare()
    await direct.dispose()
    driver = database.backend.removesuffix("-sync")
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(driver, database.name, port=proxy.port)
        store = Store(database, make(url, pool_size=2, max_overflow=0))
        with opened(store, commit_timeout=TIMEOUT) as rig:
            yield proxy, rig
        proxy.heal()
        await store.dispose()


async def select(session: AsyncSession | Session) -> object:
    return await on_session(session, lambda one: one.execute(text("SELECT 1")))


async def add(session: AsyncSession | Session) -> object:
    return await on_session(session, lambda one: one.add(Item(name="new")))


def serve(rig: Rig, work: Work) -> None:
    @rig.app.post("/", status_code=201, response_model=None)
    async def handler(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> object:
        answer = await work(session)
        return answer if isinstance(answer, Response) else None


@asynccontextmanager
async def given_back(rig: Rig, seconds: float) -> AsyncGenerator[None]:
    """Check that soon after so many seconds nobody has a connection."""
    start = perf_counter()
    yield
    await until(lambda: not rig.store.checked_out)
    assert perf_counter() - start < seconds + SLACK


async def cancelled_in(hole: Hole, work: Work, how: Any = "native") -> Recording:
    """Send a request, and cancel it soon after the database has gone silent."""
    proxy, rig = hole
    when = asyncio.Event()

    async def go_silent(session: AsyncSession | Session) -> object:
        await select(session)
        proxy.black_hole()
        asyncio.get_running_loop().call_later(0.1, when.set)
        return await work(session)

    serve(rig, go_silent)
    return await rig.call(cancel=Cancel(how, when))


async def test_a_cancelled_statement_gives_its_connection_back(hole: Hole) -> None:
    """Whatever the driver does about the server, a second after the cancellation all is over."""
    async with given_back(hole[1], 0.1 + TIMEOUT):
        recording = await cancelled_in(hole, select)
    assert not recording.started


@async_drivers
async def test_a_cancel_scope_gives_its_connection_back(hole: Hole) -> None:
    """The same for a cancellation of AnyIO's."""
    async with given_back(hole[1], 0.1 + TIMEOUT):
        await cancelled_in(hole, select, "anyio")


async def test_a_cancelled_commit_gives_its_connection_back(hole: Hole) -> None:
    """COMMIT is not cut short, but not waited for past its deadline either."""
    async with given_back(hole[1], TIMEOUT):
        recording = await cancelled_in(hole, add)
    assert recording.cancelled
    assert not recording.started


@async_drivers
async def test_a_cancelled_wait_for_a_new_connection_ends(hole: Hole) -> None:
    """Who was still connecting has nothing to give back, and does not go on."""
    proxy, rig = hole
    when = asyncio.Event()
    serve(rig, select)
    proxy.black_hole()
    asyncio.get_running_loop().call_later(0.1, when.set)
    async with given_back(rig, 0.1):
        await rig.call(cancel=Cancel("native", when))


async def test_a_handler_that_fails_is_answered_in_time(hole: Hole) -> None:
    """ROLLBACK finds nobody: the answer comes at the deadline, and the connection soon after."""
    proxy, rig = hole

    async def fail(session: AsyncSession | Session) -> object:
        await select(session)
        await add(session)
        proxy.black_hole()
        return Response(status_code=418)

    serve(rig, fail)
    async with given_back(rig, TIMEOUT), asyncio.timeout(TIMEOUT + SLACK):
        recording = await rig.call()
    assert (recording.status, recording.error) == (418, None)


@pytest.mark.parametrize(
    ("flushed", "status", "code"),
    [(True, 500, "commit-outcome-unknown"), (False, 503, "database-unavailable")],
)
async def test_a_commit_is_answered_in_time(
    hole: Hole, *, flushed: bool, status: int, code: str
) -> None:
    """Past the deadline a COMMIT's outcome is unknown, and a flush has changed nothing."""
    proxy, rig = hole

    async def write(session: AsyncSession | Session) -> object:
        await select(session)
        await add(session)
        if flushed:
            await on_session(session, Session.flush)
        proxy.black_hole()
        return None

    serve(rig, write)
    async with given_back(rig, TIMEOUT), asyncio.timeout(TIMEOUT + SLACK):
        recording = await rig.call()
    assert (recording.status, recording.json["type"]) == (status, f"urn:holdfast:problem:{code}")
    assert rig.store.names == set()


@async_drivers
async def test_a_cancelled_block_gives_its_connection_back(hole: Hole) -> None:
    """A job's `alchemy.transaction()` holds its connection no longer than a request."""
    proxy, rig = hole

    async def job() -> None:
        async with rig.alchemy.transaction() as session:
            await session.execute(text("SELECT 1"))
            proxy.black_hole()
            await session.execute(text("SELECT 1"))

    task = asyncio.create_task(job())
    await asyncio.sleep(0.2)
    async with given_back(rig, TIMEOUT):
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()


@async_drivers
async def test_a_timeout_of_the_handler_stays_a_timeout(hole: Hole) -> None:
    """The handler's own deadline is reported to it as such, so that it can answer."""
    proxy, rig = hole

    async def patient(session: AsyncSession | Session) -> object:
        await select(session)
        proxy.black_hole()
        try:
            async with asyncio.timeout(0.1):
                await select(session)
        except TimeoutError:
            return Response(status_code=504)
        return None

    serve(rig, patient)
    async with given_back(rig, 0.1 + 2 * TIMEOUT):
        recording = await rig.call()
    assert recording.status == 504


@async_drivers
async def test_who_holds_nothing_is_left_in_peace(hole: Hole) -> None:
    """A cancelled handler without a connection may take its time over what it has to tidy up."""
    _, rig = hole
    when = asyncio.Event()
    tidied: list[bool] = []

    async def tidy(session: AsyncSession | Session) -> object:
        await select(session)
        await on_session(session, Session.rollback)
        when.set()
        try:
            return await asyncio.sleep(10, "not cancelled")
        finally:
            await asyncio.sleep(1.6)
            tidied.append(True)

    serve(rig, tidy)
    await rig.call(cancel=Cancel("native", when))
    assert tidied == [True]
