"""What an orchestrator is told: whether the process lives, and which database cannot serve."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast import AdvancedAlchemy, EngineConfig, SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.wiring.sessions import AnyConfig
from tests import asgi
from tests.engines.database import Database
from tests.engines.process import free_port
from tests.engines.proxy import Proxy
from tests.recording import Recording
from tests.transaction.rig import until

TIMEOUT = 0.8


def config_for(database: Database, url: str | None = None, **options: Any) -> AnyConfig:
    kind = SQLAlchemyAsyncConfig if database.is_async else SQLAlchemySyncConfig
    return kind(connection_string=url or database.url, **options)


def driver_of(database: Database) -> str:
    return database.backend.removesuffix("-sync")


@asynccontextmanager
async def served(*configs: AnyConfig) -> AsyncGenerator[FastAPI]:
    app = FastAPI()
    alchemy = AdvancedAlchemy(list(configs), app)
    app.include_router(alchemy.health_router())
    yield app
    for config in configs:
        await config.close_engine()


@asynccontextmanager
async def through_proxy(database: Database) -> AsyncGenerator[tuple[Proxy, FastAPI]]:
    assert database.server is not None
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(driver_of(database), database.name, port=proxy.port)
        async with served(config_for(database, url)) as app:
            yield proxy, app


def unreachable(database: Database) -> str:
    assert database.server is not None
    return database.server.url(driver_of(database), database.name, port=free_port())


async def ready(app: FastAPI) -> Recording:
    return await asgi.request(app, "GET", "/health/ready")


def assert_not_ready(recording: Recording, **binds: str) -> None:
    assert recording.status == 503
    assert recording.headers["content-type"] == "application/problem+json"
    assert recording.headers["retry-after"] == "1"
    assert recording.json["type"] == "urn:holdfast:problem:not-ready"
    assert recording.json["binds"] == binds
    for secret in ("127.0.0.1", "postgres", "Error", "errno", "test_"):
        assert secret not in recording.body.decode()


def assert_ready(recording: Recording, **binds: str) -> None:
    assert (recording.status, recording.headers["cache-control"]) == (200, "no-store")
    assert recording.json == {"status": "ready", "binds": binds}


async def test_living_needs_no_database(postgres_database: Database) -> None:
    """The process is said to live although nothing can be reached, and nothing is tried."""
    config = config_for(postgres_database, unreachable(postgres_database))
    async with served(config) as app:
        recording = await asgi.request(app, "GET", "/health/live")
    assert (recording.status, recording.json) == (200, {"status": "live"})


async def test_a_database_that_answers_is_ready(any_database: Database) -> None:
    """Every driver's database is asked, and its connection is closed afterwards."""
    config = config_for(any_database)
    async with served(config) as app:
        assert_ready(await ready(app), default="ready")
        pool: Any = config.get_engine().pool
        assert (pool.checkedin(), pool.checkedout()) == (0, 0)


@pytest.mark.parametrize(
    "config",
    [
        SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://"),
        SQLAlchemySyncConfig(connection_string="sqlite://"),
    ],
    ids=["async", "sync"],
)
async def test_a_database_in_memory_is_ready(config: AnyConfig) -> None:
    """Pools of other kinds are no obstacle."""
    async with served(config) as app:
        assert_ready(await ready(app), default="ready")


async def test_a_database_that_refuses_is_named(postgres_database: Database) -> None:
    """With several, the answer says which one cannot be reached, and nothing else about it."""
    good = config_for(postgres_database, bind_key="orders")
    bad = config_for(postgres_database, unreachable(postgres_database), bind_key="reports")
    async with served(good, bad) as app:
        recording = await ready(app)
    assert_not_ready(recording, orders="ready", reports="database-unavailable")


async def test_a_silent_database_is_not_waited_for(postgres_database: Database) -> None:
    """The answer comes in time, over and over, and it is ready again once the network is."""
    async with through_proxy(postgres_database) as (proxy, app):
        assert_ready(await ready(app), default="ready")
        proxy.black_hole()
        for _ in range(2):
            start = perf_counter()
            assert_not_ready(await ready(app), default="no-answer")
            assert TIMEOUT - 0.1 < perf_counter() - start < TIMEOUT + 0.4
        proxy.heal()
        assert_ready(await ready(app), default="ready")


async def test_a_crowd_of_questions_is_one_connection(postgres_database: Database) -> None:
    """However many ask at once, the database is asked once, also while it does not answer."""
    async with through_proxy(postgres_database) as (proxy, app):
        proxy.delay = 0.02
        assert await most_links(proxy, app) == 1
        await until(lambda: not proxy.links)
        proxy.black_hole()
        assert await most_links(proxy, app) == 1


async def most_links(proxy: Proxy, app: FastAPI) -> int:
    most = 0
    crowd = asyncio.gather(*(ready(app) for _ in range(30)))
    while not crowd.done():
        most = max(most, len(proxy.links))
        await asyncio.sleep(0.002)
    await crowd
    return most


async def test_a_pool_at_work_is_ready(postgres_database: Database) -> None:
    """Under load the pool is said to be exhausted, and the instance stays in service."""
    options = EngineConfig(pool_size=1, max_overflow=0)
    config = config_for(postgres_database, engine_config=options)
    async with served(config) as app, connection_of(config):
        start = perf_counter()
        assert_ready(await ready(app), default="pool-exhausted")
        assert perf_counter() - start < TIMEOUT


@asynccontextmanager
async def connection_of(config: AnyConfig) -> AsyncGenerator[None]:
    engine = config.get_engine()
    if isinstance(engine, AsyncEngine):
        async with engine.connect():
            yield
    else:
        with engine.connect():
            yield


async def test_a_full_server_is_ready_for_whoever_is_in(postgres_database: Database) -> None:
    """No connection can be opened: who has some serves on, who has none cannot."""
    assert postgres_database.server is not None
    role = f"app_{postgres_database.name}"
    postgres_database.query(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    url = postgres_database.url.replace("postgres@", f"{role}@")
    config, other = config_for(postgres_database, url), config_for(postgres_database, url)
    async with served(config) as app:
        async with connection_of(config):
            assert_ready(await ready(app), default="database-full")
        await config.close_engine()
        backends = f"SELECT pid FROM pg_stat_activity WHERE usename = '{role}'"
        await until(lambda: not postgres_database.query(backends))
        async with connection_of(other):
            assert_not_ready(await ready(app), default="database-unavailable")
        await other.close_engine()
    postgres_database.query(f"DROP ROLE {role}")


@pytest.mark.parametrize("postgres_database", ["asyncpg"], indirect=True)
async def test_the_reason_is_in_the_log(
    postgres_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """What the answer leaves out is there for whoever may know."""
    async with served(config_for(postgres_database, unreachable(postgres_database))) as app:
        await ready(app)
    (record,) = [record for record in caplog.records if record.name == "holdfast.health"]
    assert record.message == "Bind 'default' cannot be reached"
    assert "ConnectionRefusedError" in caplog.text


async def test_the_paths_are_for_machines(any_database: Database) -> None:
    """They can be moved, answer HEAD as well, and are no part of the OpenAPI document."""
    app = FastAPI()
    config = config_for(any_database)
    alchemy = AdvancedAlchemy(config, app)
    app.include_router(alchemy.health_router("/-", timeout=2))
    for path in ("/-/live", "/-/ready"):
        for method in ("GET", "HEAD"):
            assert (await asgi.request(app, method, path)).status == 200
    assert app.openapi()["paths"] == {}
    await config.close_engine()
