"""No connection to be had: the client is told to come back later, and for nothing else."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from fastapi import Depends
from sqlalchemy import create_engine, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.engines.database import BACKENDS, Database
from tests.engines.process import free_port
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.store import Item, Store

POOL = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.2}

Work = Callable[[AsyncSession | Session], Awaitable[object]]


async def read(session: AsyncSession | Session) -> object:
    return await on_session(session, lambda one: list(one.scalars(select(Item))))


async def write(session: AsyncSession | Session) -> object:
    return await on_session(session, lambda one: one.add(Item(name="new")))


both_works = pytest.mark.parametrize("work", [read, write])


def made(database: Database, url: str | None = None) -> Store:
    url = url or database.url
    if database.is_async:
        return Store(database, create_async_engine(url, **POOL))
    return Store(database, create_engine(url, **POOL))


@pytest.fixture
async def rig(any_database: Database) -> AsyncGenerator[Rig]:
    store = made(any_database)
    await store.prepare()
    with opened(store) as rig:
        yield rig
    await store.dispose()


def unreachable(database: Database) -> str:
    """Return a URL at which nobody listens, or no file can be."""
    if database.server is None:
        return f"sqlite+{database.backend}:///{database.name}/below/a.sqlite"
    port = free_port()
    return database.server.url(database.backend.removesuffix("-sync"), database.name, port=port)


@asynccontextmanager
async def unreachable_rig(database: Database) -> AsyncGenerator[Rig]:
    database.query("CREATE TABLE item (id int, name text, parent_id int)")
    others = set(threading.enumerate())
    with opened(made(database, unreachable(database))) as rig:
        yield rig
    # The thread of a connection that aiosqlite could not open ends by itself, on this loop.
    await until(
        lambda: not any("_connection_" in one.name for one in set(threading.enumerate()) - others)
    )


@asynccontextmanager
async def all_in_use(rig: Rig) -> AsyncGenerator[None]:
    if isinstance(rig.store.engine, AsyncEngine):
        async with rig.store.engine.connect():
            yield
    else:
        with rig.store.engine.connect():
            yield


def serve(rig: Rig, work: Work) -> None:
    @rig.app.post("/", status_code=201)
    async def handler(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await work(session)


def assert_refused(recording: Recording, code: str) -> None:
    assert (recording.status, recording.json["type"]) == (503, f"urn:holdfast:problem:{code}")
    assert recording.headers["retry-after"] == "1"
    for secret in ("127.0.0.1", "QueuePool", "sqlite", "Error", "errno"):
        assert secret not in recording.body.decode()


@both_works
async def test_an_exhausted_pool_is_a_503(rig: Rig, work: Work) -> None:
    """Within the pool's wait, whether the handler asks first or the flush; then all is well."""
    serve(rig, work)
    async with all_in_use(rig), asyncio.timeout(2):
        recording = await rig.call()
    assert_refused(recording, "pool-exhausted")
    assert rig.store.names == set()
    assert (await rig.call()).status == 201


@both_works
async def test_a_database_that_cannot_be_reached_is_a_503(
    any_database: Database, work: Work
) -> None:
    """A refused connection, as each driver reports it, or a file that cannot be opened."""
    async with unreachable_rig(any_database) as rig:
        serve(rig, work)
        assert_refused(await rig.call(), "database-unavailable")


@pytest.mark.parametrize("any_database", ["asyncpg", "psycopg"], indirect=True)
async def test_a_repository_does_not_hide_it(any_database: Database) -> None:
    """Advanced Alchemy wraps the drivers' errors, and the pool's, in its own."""

    class Items(SQLAlchemyAsyncRepository[Item]):
        model_type = Item

    async def listed(session: Any) -> object:
        return await Items(session=session).get_many()

    async with unreachable_rig(any_database) as rig:
        serve(rig, listed)
        assert_refused(await rig.call(), "database-unavailable")
    store = made(any_database)
    with opened(store) as rig:
        serve(rig, listed)
        async with all_in_use(rig):
            assert_refused(await rig.call(), "pool-exhausted")
    await store.dispose()


@pytest.mark.parametrize("any_database", BACKENDS[:2], indirect=True)
async def test_a_block_inside_a_request_counts_too(any_database: Database) -> None:
    """The handler's own `alchemy.transaction()` is one of the application's sessions."""
    async with unreachable_rig(any_database) as rig:

        @rig.app.post("/")
        async def handler() -> None:
            async with rig.alchemy.transaction() as session:
                await session.execute(select(Item))

        assert_refused(await rig.call(), "database-unavailable")


@pytest.mark.parametrize("used_before", [False, True])
async def test_a_socket_of_the_handler_is_its_own(rig: Rig, *, used_before: bool) -> None:
    """What another service refuses is re-raised unchanged, whether the database is used or not."""

    async def call_out(session: AsyncSession | Session) -> object:
        if used_before:
            await read(session)
        return await asyncio.open_connection("127.0.0.1", free_port())

    serve(rig, call_out)
    recording = await rig.call()
    assert recording.body == b"Internal Server Error"
    assert isinstance(recording.error, ConnectionRefusedError)
    rig.assert_clean(recording)


async def test_a_socket_of_a_listener_is_its_own(rig: Rig) -> None:
    """What is refused to a session's event is no connection of the session's."""

    def publish(*_: object) -> None:
        socket.create_connection(("127.0.0.1", free_port()))

    async def add(session: AsyncSession | Session) -> object:
        one = session.sync_session if isinstance(session, AsyncSession) else session
        event.listen(one, "before_flush", publish)
        return await write(session)

    serve(rig, add)
    recording = await rig.call()
    assert recording.body == b"Internal Server Error"
    assert isinstance(recording.error, ConnectionRefusedError)


async def test_a_timeout_of_the_handler_is_its_own(rig: Rig) -> None:
    """A handler's own deadline is no wait for a connection."""

    async def too_long(session: AsyncSession | Session) -> object:
        await read(session)
        async with asyncio.timeout(0):
            return await asyncio.sleep(1, "never")

    serve(rig, too_long)
    recording = await rig.call()
    assert recording.body == b"Internal Server Error"
    assert isinstance(recording.error, TimeoutError)


@pytest.mark.parametrize("any_database", ["asyncpg", "psycopg"], indirect=True)
async def test_an_engine_of_the_handler_is_its_own(rig: Rig) -> None:
    """A database that is none of the extension's is re-raised unchanged as well."""
    foreign = create_async_engine(unreachable(rig.store.database))

    async def elsewhere(session: AsyncSession | Session) -> object:
        await read(session)
        async with AsyncSession(foreign) as other:
            return await other.execute(select(1))

    serve(rig, elsewhere)
    recording = await rig.call()
    assert recording.body == b"Internal Server Error"
    assert recording.error is not None


@pytest.mark.parametrize("any_database", ["asyncpg"], indirect=True)
async def test_a_handler_that_copes_is_left_alone(any_database: Database) -> None:
    """An answer that needs no database after all is sent as it is."""
    async with unreachable_rig(any_database) as rig:

        async def cope(session: AsyncSession | Session) -> object:
            with pytest.raises(OSError, match="Connect call failed") as caught:
                await read(session)
            return caught.value

        serve(rig, cope)
        assert (await rig.call()).status == 201


@pytest.mark.parametrize("any_database", ["asyncpg", "psycopg"], indirect=True)
async def test_one_that_waits_long_enough_is_served(rig: Rig) -> None:
    """A connection that comes back in time is taken, and nobody is refused."""
    serve(rig, write)
    async with all_in_use(rig):
        call = asyncio.create_task(rig.call())
        await asyncio.sleep(0.05)
    assert (await call).status == 201
    await until(lambda: not rig.store.checked_out)
