"""How long anybody waits for a connection, who decides that, and that it can be seen."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import pytest
from advanced_alchemy.config.routing import RoutingConfig
from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import (
    AsyncAdaptedQueuePool,
    NullPool,
    QueuePool,
    SingletonThreadPool,
    StaticPool,
)

from holdfast import AdvancedAlchemy, EngineConfig, SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.errors import ConfigurationError
from holdfast.wiring.sessions import AnyConfig
from tests import asgi
from tests.engines.database import Database
from tests.engines.postgres import PostgresServer
from tests.engines.proxy import Proxy
from tests.recording import Recording
from tests.transaction.rig import on_session
from tests.wiring.authors import any_config


def pool_of(config: AnyConfig) -> Any:
    return config.get_engine().pool


def file_config(path: Path, **options: Any) -> SQLAlchemyAsyncConfig:
    url = f"sqlite+aiosqlite:///{path}/test.sqlite"
    return SQLAlchemyAsyncConfig(connection_string=url, **options)


@pytest.mark.parametrize("any_database", ["aiosqlite", "psycopg", "psycopg-sync"], indirect=True)
def test_a_wait_ends_after_a_second(any_database: Database) -> None:
    """Without a setting it is one second, in the pool that SQLAlchemy would have taken."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    pool = pool_of(config)
    assert pool.timeout() == 1.0
    kind = AsyncAdaptedQueuePool if any_database.is_async else QueuePool
    assert isinstance(pool, kind)
    assert type(pool).__name__ == kind.__name__


def test_the_extension_sets_it_for_all(tmp_path: Path) -> None:
    """One number holds for every database that does not say otherwise."""
    one = file_config(tmp_path)
    other = SQLAlchemySyncConfig(connection_string=f"sqlite:///{tmp_path}/b", bind_key="other")
    own = file_config(tmp_path, bind_key="own", engine_config=EngineConfig(pool_timeout=7))
    AdvancedAlchemy([one, other, own], FastAPI(), pool_timeout=2.5)
    assert [pool_of(config).timeout() for config in (one, other, own)] == [2.5, 2.5, 7]


def test_a_wait_of_less_than_no_time_is_refused(tmp_path: Path) -> None:
    """A negative number fails at start-up, and the message says what to write."""
    with pytest.raises(ConfigurationError, match=r"Write seconds, 0 or more\.$"):
        AdvancedAlchemy(file_config(tmp_path), FastAPI(), pool_timeout=-1)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://"), StaticPool),
        (SQLAlchemySyncConfig(connection_string="sqlite://"), SingletonThreadPool),
        (
            SQLAlchemyAsyncConfig(
                connection_string="postgresql+asyncpg://nobody@127.0.0.1:1/none",
                engine_config=EngineConfig(poolclass=NullPool),
            ),
            NullPool,
        ),
    ],
    ids=["StaticPool", "SingletonThreadPool", "NullPool"],
)
def test_a_pool_in_which_nobody_waits_is_left_alone(config: AnyConfig, kind: type) -> None:
    """Pools that do not take the option do not get it."""
    assert type(pool_of(config)) is kind


def test_an_engine_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    """Neither an engine, nor a pool, nor what a callable makes is changed."""
    url = f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"
    engine = create_async_engine(url)
    given = SQLAlchemyAsyncConfig(engine_instance=engine)
    pool = engine.pool.recreate()
    pooled = SQLAlchemyAsyncConfig(connection_string=url, engine_config=EngineConfig(pool=pool))

    def make(url: str, **options: Any) -> AsyncEngine:
        return create_async_engine(url, poolclass=NullPool, **options)

    made = SQLAlchemyAsyncConfig(connection_string=url, create_engine_callable=make)
    for config in (given, pooled, made):
        AdvancedAlchemy(config, FastAPI())
    assert pool_of(given).timeout() == 30
    assert pool_of(pooled) is pool
    assert type(pool_of(made)) is NullPool


def test_a_poolclass_of_ones_own_is_kept(tmp_path: Path) -> None:
    """A subclass of a queue pool waits as long as any."""

    class Mine(AsyncAdaptedQueuePool):
        pass

    config = file_config(tmp_path, engine_config=EngineConfig(poolclass=Mine))
    assert isinstance(pool_of(config), Mine)
    assert pool_of(config).timeout() == 1.0


def test_replicas_wait_no_longer(tmp_path: Path) -> None:
    """What holds for the primary holds for the engines that reads are routed to."""
    urls = [f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("primary", "replica")]
    routing = RoutingConfig(primary_connection_string=urls[0], read_replicas=[urls[1]])
    config = SQLAlchemySyncConfig(routing_config=routing)
    maker: Any = config.create_session_maker()
    assert [engine.pool.timeout() for engine in maker.replica_engines] == [1.0]


@asynccontextmanager
async def crowded(database: Database, **pool: Any) -> AsyncGenerator[FastAPI]:
    """Give an application with one connection, which a request keeps for as long as asked."""
    options = EngineConfig(pool_size=1, max_overflow=0, **pool)
    kind = SQLAlchemyAsyncConfig if database.is_async else SQLAlchemySyncConfig
    config = kind(connection_string=database.url, engine_config=options)
    app = FastAPI()
    alchemy = AdvancedAlchemy(config, app)

    @app.get("/{seconds}")
    async def read(
        seconds: float, session: Annotated[Any, Depends(alchemy.provide_session())]
    ) -> None:
        await on_session(session, lambda one: one.execute(select(1)))
        await asyncio.sleep(seconds)

    yield app
    assert pool_of(config).checkedout() == 0
    await config.close_engine()


@pytest.mark.parametrize(
    "any_database", ["aiosqlite", "asyncpg", "psycopg", "psycopg-sync"], indirect=True
)
async def test_who_waits_too_long_is_told_so(
    any_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """After about a second the client has its 503, and the log says how long it waited."""
    async with crowded(any_database) as app:
        slow = asyncio.create_task(asgi.request(app, "GET", "/1.7"))
        await asyncio.sleep(0.2)
        start = perf_counter()
        refused = await asgi.request(app, "GET", "/0")
        assert perf_counter() - start > 0.9
        assert (await slow).status == 200
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.json["type"] == "urn:holdfast:problem:pool-exhausted"
    lines = [record.message for record in caplog.records if record.name == "holdfast.pool"]
    assert len(lines) == 1
    assert lines[0].startswith("Waited 1.0")
    assert lines[0].endswith("connection of bind 'default', without success; 1 in use")


@pytest.mark.parametrize("any_database", ["asyncpg", "psycopg-sync"], indirect=True)
async def test_a_long_wait_that_ends_well_is_in_the_log(
    any_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Before requests are refused there is a warning that they wait, and of short waits none."""
    async with crowded(any_database) as app:
        assert (await asgi.request(app, "GET", "/0")).status == 200
        caplog.clear()
        slow = asyncio.create_task(asgi.request(app, "GET", "/0.6"))
        await asyncio.sleep(0.2)
        assert (await asgi.request(app, "GET", "/0")).status == 200
        await slow
    (record,) = [record for record in caplog.records if record.name == "holdfast.pool"]
    assert record.levelno == logging.WARNING
    assert "with success" in record.message


@pytest.mark.parametrize("any_database", ["asyncpg"], indirect=True)
async def test_a_wait_of_no_time_refuses_at_once(any_database: Database) -> None:
    """`pool_timeout=0` is a limit on the requests at work."""
    async with crowded(any_database, pool_timeout=0) as app:
        slow = asyncio.create_task(asgi.request(app, "GET", "/0.3"))
        await asyncio.sleep(0.2)
        start = perf_counter()
        assert (await asgi.request(app, "GET", "/0")).status == 503
        assert perf_counter() - start < 0.1
        assert (await slow).status == 200


async def test_a_restarted_pool_is_watched_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool that an engine makes after `dispose()` has the same wait, and says so too."""
    config = file_config(tmp_path, engine_config=EngineConfig(pool_size=1, max_overflow=0))
    config.pool_timeout = 0.3
    engine = config.get_engine()
    await engine.dispose()
    async with engine.connect():
        with pytest.raises(PoolTimeoutError, match=r"timeout 0\.30"):
            await engine.connect()
    assert "bind 'default', without success" in caplog.text
    await engine.dispose()


async def test_a_server_that_does_not_answer_is_given_up(postgres: PostgresServer) -> None:
    """A black hole is a 503 after five seconds, and leaves nobody in the pool."""

    async def refused(backend: str, port: int) -> Recording:
        url = postgres.url(backend.removesuffix("-sync"), "postgres", port=port)
        async with crowded(Database(backend, url, "postgres")) as app, asyncio.timeout(6.5):
            return await asgi.request(app, "GET", "/0")

    async with Proxy(postgres.port) as proxy:
        proxy.black_hole()
        drivers = ("asyncpg", "psycopg", "psycopg-sync")
        answers = await asyncio.gather(*(refused(driver, proxy.port) for driver in drivers))
    for answer in answers:
        assert answer.status == 503
        assert answer.json["type"] == "urn:holdfast:problem:database-unavailable"


def timeout_of(url: str, **connect_args: Any) -> Any:
    options = EngineConfig(connect_args=connect_args) if connect_args else EngineConfig()
    config = SQLAlchemyAsyncConfig(connection_string=url, engine_config=options)
    arguments = config.engine_config_dict.get("connect_args", {})
    return arguments.get("timeout", arguments.get("connect_timeout"))


def test_a_connect_timeout_of_ones_own_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is among the arguments, in the URL or in libpq's environment."""
    asyncpg, psycopg = (f"postgresql+{driver}://one@two/three" for driver in ("asyncpg", "psycopg"))
    assert (timeout_of(asyncpg), timeout_of(psycopg)) == (5, 5)
    assert timeout_of(asyncpg, timeout=60) == 60
    assert timeout_of(psycopg, connect_timeout=60) == 60
    assert timeout_of(f"{psycopg}?connect_timeout=60") is None
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")
    assert (timeout_of(asyncpg), timeout_of(psycopg)) == (5, None)
    assert timeout_of("sqlite+aiosqlite:///some.sqlite") is None
