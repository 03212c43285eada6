"""The proxy before a database: what it lets pass, and what it loses."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.engines.database import Database
from tests.engines.proxy import Proxy

INSERT = text("INSERT INTO here VALUES (1)")


@asynccontextmanager
async def through_proxy(database: Database) -> AsyncGenerator[tuple[Proxy, AsyncEngine]]:
    assert database.server is not None
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(database.backend, database.name, port=proxy.port)
        engine = create_async_engine(url)
        yield proxy, engine
        await engine.dispose()


async def test_what_is_sent_passes_both_ways(async_server_database: Database) -> None:
    """A connection through the proxy is a connection to the server."""
    async with through_proxy(async_server_database) as (_, engine), engine.connect() as one:
        assert await one.scalar(text("SELECT 1")) == 1


async def test_a_delay_holds_up_request_and_reply(async_server_database: Database) -> None:
    """Every piece of data waits as long as told, from then on."""
    async with through_proxy(async_server_database) as (proxy, engine), engine.connect() as one:
        await one.execute(text("SELECT 1"))
        proxy.delay = 0.05
        start = perf_counter()
        await one.execute(text("SELECT 1"))
        assert perf_counter() - start >= 0.1
        proxy.delay = 0


async def test_a_reset_cuts_open_connections_only(async_server_database: Database) -> None:
    """The client notices at its next statement, and may connect again."""
    async with through_proxy(async_server_database) as (proxy, engine):
        async with engine.connect() as one:
            await one.execute(text("SELECT 1"))
            proxy.reset()
            with pytest.raises(DBAPIError) as caught:
                await one.execute(text("SELECT 1"))
        assert caught.value.connection_invalidated
        async with engine.connect() as again:
            assert await again.scalar(text("SELECT 1")) == 1


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
