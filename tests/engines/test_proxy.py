"""The proxy before a database: what it lets pass, and what it loses."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from time import perf_counter

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.engines.database import Database
from tests.engines.postgres import PostgresServer
from tests.engines.process import free_port
from tests.engines.proxy import Proxy
from tests.transaction.rig import until

INSERT = text("INSERT INTO here VALUES (1)")
SELECT = text("SELECT 1")


@asynccontextmanager
async def through_proxy(database: Database) -> AsyncGenerator[tuple[Proxy, AsyncEngine]]:
    assert database.server is not None
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(database.backend, database.name, port=proxy.port)
        engine = create_async_engine(url)
        yield proxy, engine
        await engine.dispose()


async def hello(engine: AsyncEngine) -> None:
    async with engine.connect() as one:
        await one.execute(SELECT)


async def seconds(work: Awaitable[object]) -> float:
    start = perf_counter()
    await work
    return perf_counter() - start


async def test_what_is_sent_passes_both_ways(async_server_database: Database) -> None:
    """A connection through the proxy is a connection to the server."""
    async with through_proxy(async_server_database) as (_, engine), engine.connect() as one:
        assert await one.scalar(SELECT) == 1


async def test_a_delay_holds_up_request_and_reply(async_server_database: Database) -> None:
    """Every piece of data waits as long as told, from then on."""
    async with through_proxy(async_server_database) as (proxy, engine), engine.connect() as one:
        await one.execute(SELECT)
        proxy.delay = 0.05
        assert await seconds(one.execute(SELECT)) >= 0.1
        proxy.delay = 0


async def test_a_reset_cuts_open_connections_only(async_server_database: Database) -> None:
    """The client notices at its next statement, and may connect again."""
    async with through_proxy(async_server_database) as (proxy, engine):
        async with engine.connect() as one:
            await one.execute(SELECT)
            proxy.reset()
            with pytest.raises(DBAPIError) as caught:
                await one.execute(SELECT)
        assert caught.value.connection_invalidated
        async with engine.connect() as again:
            assert await again.scalar(SELECT) == 1


async def test_it_can_lead_to_another_postgres(postgres: PostgresServer) -> None:
    """Open connections are cut, and new ones reach the other, as behind a load balancer."""
    version = text("SHOW server_version_num")
    async with Proxy(free_port()) as proxy:
        engine = create_async_engine(postgres.url("asyncpg", port=proxy.port))
        with pytest.raises((DBAPIError, OSError)):
            await hello(engine)
        proxy.lead_to(postgres.port)
        async with engine.connect() as again:
            assert await again.scalar(version)
        await engine.dispose()


async def test_a_lost_reply_leaves_the_commit_done(async_server_database: Database) -> None:
    """COMMIT takes effect on the server; its client gets an error instead of the reply."""
    async_server_database.query("CREATE TABLE here (id int)")
    async with through_proxy(async_server_database) as (proxy, engine):
        async with engine.connect() as one:
            await one.execute(INSERT)
            proxy.lose_reply(b"COMMIT")
            with pytest.raises(DBAPIError) as caught:
                await one.commit()
        assert caught.value.connection_invalidated
        assert proxy.lost.is_set()
    assert async_server_database.query("SELECT id FROM here") == [(1,)]


async def test_a_silent_loss_leaves_the_client_waiting(async_server_database: Database) -> None:
    """The connection stays open and mute, as behind a broken network."""
    async_server_database.query("CREATE TABLE here (id int)")
    async with through_proxy(async_server_database) as (proxy, engine):
        one = await engine.connect()
        await one.execute(INSERT)
        proxy.lose_reply(b"COMMIT", silent=True)
        commit = asyncio.create_task(one.commit())
        await proxy.lost.wait()
        done, _ = await asyncio.wait({commit}, timeout=0.2)
        assert not done
        proxy.reset()
        with pytest.raises(DBAPIError):
            await commit
        await one.close()
    assert async_server_database.query("SELECT id FROM here") == [(1,)]


async def test_a_lost_request_leaves_nothing_done(async_server_database: Database) -> None:
    """The connection is cut as COMMIT comes by, so the server never sees it."""
    async_server_database.query("CREATE TABLE here (id int)")
    async with through_proxy(async_server_database) as (proxy, engine):
        async with engine.connect() as one:
            await one.execute(INSERT)
            proxy.lose_request(b"COMMIT")
            with pytest.raises(DBAPIError) as caught:
                await one.commit()
        assert caught.value.connection_invalidated
        assert proxy.lost.is_set()
        async with engine.begin() as again:
            await again.execute(INSERT)
    assert async_server_database.query("SELECT id FROM here") == [(1,)]


async def test_refusing_leaves_open_connections_alone(async_server_database: Database) -> None:
    """Nobody listens for new connections, and the same port answers again afterwards."""
    async with through_proxy(async_server_database) as (proxy, engine), engine.connect() as one:
        await one.execute(SELECT)
        proxy.refuse()
        await one.execute(SELECT)
        with pytest.raises((OSError, DBAPIError), match=r"refused|Connect call failed"):
            await engine.connect()
        await proxy.accept()
        async with engine.connect() as another:
            await another.execute(SELECT)


async def test_a_black_hole_forwards_nothing_until_it_heals(
    async_server_database: Database,
) -> None:
    """What is sent waits, on open connections and on new ones, and passes afterwards."""
    async with through_proxy(async_server_database) as (proxy, engine), engine.connect() as one:
        await one.execute(SELECT)
        proxy.black_hole()
        waiting = [asyncio.create_task(one.execute(SELECT)), asyncio.create_task(hello(engine))]
        done, _ = await asyncio.wait(waiting, timeout=0.3)
        assert not done
        proxy.heal()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)


@pytest.mark.parametrize("async_server_database", ["psycopg"], indirect=True)
async def test_a_black_hole_hides_that_a_side_has_closed(async_server_database: Database) -> None:
    """The server keeps the connection of a client that has left, until the network is back."""

    def backends() -> int:
        where = "WHERE backend_type = 'client backend'"
        rows = async_server_database.query(f"SELECT count(*) FROM pg_stat_activity {where}")
        return int(rows[0][0])

    before = backends()
    async with through_proxy(async_server_database) as (proxy, engine):
        async with engine.connect() as one:
            await one.execute(SELECT)
        proxy.black_hole()
        await engine.dispose()
        await asyncio.sleep(0.1)
        assert backends() == before + 1
        proxy.heal()
        await until(lambda: backends() == before)


async def test_one_link_can_be_told_from_another(async_server_database: Database) -> None:
    """Each connection can be slow, mute or cut while the others are not."""
    async with (
        through_proxy(async_server_database) as (proxy, engine),
        engine.connect() as first,
        engine.connect() as second,
    ):
        await first.execute(SELECT)
        await second.execute(SELECT)
        slow, quick = proxy.links
        slow.delay = 0.05
        assert await seconds(first.execute(SELECT)) >= 0.1
        assert await seconds(second.execute(SELECT)) < 0.1
        slow.delay = None
        quick.black_hole()
        await first.execute(SELECT)
        waiting = asyncio.create_task(second.execute(SELECT))
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        quick.reset()
        with pytest.raises(DBAPIError):
            await waiting
        await first.execute(SELECT)


@pytest.mark.parametrize("postgres_database", ["psycopg-sync"], indirect=True)
async def test_a_blocking_driver_works_through_it(postgres_database: Database) -> None:
    """A sync driver in a thread is served by the event loop of the test."""
    assert postgres_database.server is not None
    async with Proxy(postgres_database.server.port) as proxy:
        url = postgres_database.server.url("psycopg", postgres_database.name, port=proxy.port)
        engine = create_engine(url)

        def select() -> object:
            with engine.connect() as one:
                return one.scalar(SELECT)

        assert await asyncio.to_thread(select) == 1
        proxy.reset()
        with pytest.raises(DBAPIError):
            await asyncio.to_thread(select)
        await asyncio.to_thread(engine.dispose)
