"""PgBouncer in transaction mode: what fails without the option, and nothing with it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from holdfast import AdvancedAlchemy, EngineConfig, SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.errors import ConfigurationError
from holdfast.wiring.sessions import AnyConfig
from tests import asgi
from tests.engines.database import Database
from tests.engines.pgbouncer import PgBouncer
from tests.transaction.rig import on_session

CLIENTS = 200
# Both drivers begin to reuse what they prepared after a few executions of the same statement.
REPEATED = 8


def work(session: Session) -> None:
    """Read, write, write many and read from a cursor."""
    for number in range(REPEATED):
        session.execute(text("SELECT 1 + :number"), {"number": number})
    session.execute(text("INSERT INTO here VALUES (:id)"), {"id": 1})
    session.execute(text("INSERT INTO here VALUES (:id)"), [{"id": 2}, {"id": 3}])
    assert len(session.scalars(text("SELECT id FROM here LIMIT 3")).all()) == 3


@pytest.fixture
def pooled(postgres_database: Database, pgbouncer: PgBouncer) -> Database:
    """Give an empty database that is reached through the pooler."""
    database = postgres_database
    database.query("CREATE TABLE here (id int)")
    driver = database.backend.removesuffix("-sync")
    url = pgbouncer.url(driver, database.name)
    return Database(database.backend, url, database.name, database.server)


def config_for(database: Database, **options: Any) -> AnyConfig:
    pool = EngineConfig(pool_size=CLIENTS, pool_timeout=30)
    kind = SQLAlchemyAsyncConfig if database.is_async else SQLAlchemySyncConfig
    return kind(
        connection_string=database.url, commit_mode="autocommit", engine_config=pool, **options
    )


@asynccontextmanager
async def served(config: AnyConfig) -> AsyncGenerator[FastAPI]:
    app = FastAPI()
    alchemy = AdvancedAlchemy(config, app)

    @app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(alchemy.provide_session())]) -> None:
        await on_session(session, work)

    yield app
    await config.close_engine()


async def statuses(app: FastAPI) -> Counter[int | None]:
    """Send as many requests at once as there are clients, and that twice."""
    counts: Counter[int | None] = Counter()
    for _ in range(2):
        answers = await asyncio.gather(*(asgi.request(app, "POST") for _ in range(CLIENTS)))
        counts.update(answer.status for answer in answers)
    return counts


async def test_every_transaction_of_many_succeeds(pooled: Database) -> None:
    """With the option all are committed, over far fewer server connections than clients."""
    async with served(config_for(pooled, pgbouncer=True)) as app:
        assert await statuses(app) == {201: 2 * CLIENTS}
    assert pooled.query("SELECT count(*) FROM here") == [(3 * 2 * CLIENTS,)]


@pytest.mark.parametrize("postgres_database", ["asyncpg", "psycopg"], indirect=True)
async def test_many_fail_without_the_option(pooled: Database) -> None:
    """The drivers' defaults believe in a connection that is not theirs: the test above can fail."""
    async with served(config_for(pooled)) as app:
        counts = await statuses(app)
    assert counts[201] < 2 * CLIENTS


@pytest.mark.parametrize("postgres_database", ["asyncpg", "psycopg"], indirect=True)
async def test_no_prepared_statement_stays_on_the_server(pooled: Database) -> None:
    """What was prepared for one client is gone when the next one has its connection."""
    config = config_for(pooled, pgbouncer=True)
    async with served(config) as app:
        await statuses(app)
        for _ in range(20):
            async with config.get_engine().connect() as connection:  # type: ignore[union-attr]
                count = text("SELECT count(*) FROM pg_prepared_statements")
                assert await connection.scalar(count) == 0


@pytest.mark.parametrize("postgres_database", ["asyncpg", "psycopg"], indirect=True)
async def test_statements_outside_transactions_work_too(pooled: Database) -> None:
    """In autocommit each statement may run on another server connection."""
    config = config_for(pooled, pgbouncer=True)
    engine: Any = config.get_engine()

    async def client() -> None:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for number in range(REPEATED):
                await connection.execute(text("SELECT 1 + :number"), {"number": number})

    await asyncio.gather(*(client() for _ in range(50)))
    await config.close_engine()


def test_connect_args_of_ones_own_stay() -> None:
    """The option adds to them, and overrides none."""
    given = {"statement_cache_size": 5, "timeout": 3}
    config = SQLAlchemyAsyncConfig(
        connection_string="postgresql+asyncpg://nobody@127.0.0.1:1/none",
        engine_config=EngineConfig(connect_args=given),
        pgbouncer=True,
    )
    arguments = config.engine_config_dict["connect_args"]
    assert given.items() <= arguments.items()
    assert arguments["prepared_statement_cache_size"] == 0
    assert given == {"statement_cache_size": 5, "timeout": 3}


def test_other_databases_are_left_alone() -> None:
    """One configuration can serve PostgreSQL behind a pooler, and SQLite on a desk."""
    config = SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://", pgbouncer=True)
    assert "connect_args" not in config.engine_config_dict


def test_an_unknown_driver_is_refused() -> None:
    """Where it is not known what helps, the start fails, and says which drivers work."""
    config = SQLAlchemySyncConfig(
        connection_string="postgresql+pg8000://nobody@127.0.0.1:1/none", pgbouncer=True
    )
    with pytest.raises(ConfigurationError, match=r"postgresql\+asyncpg://.*instead\.$"):
        config.get_engine()
