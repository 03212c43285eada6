"""One database and engine for each module and backend; every test finds the table emptied.

| fixture | runs once for each of |
|---|---|
| `store`, `rig` | aiosqlite, asyncpg, psycopg, asyncmy, pysqlite, psycopg-sync |
| `async_store`, `async_rig` | aiosqlite, asyncpg, psycopg, asyncmy |
| `postgres_store`, `postgres_rig` | asyncpg, psycopg |
| `server_store`, `server_rig` | asyncpg, psycopg, asyncmy |
| `mariadb_store`, `mariadb_rig` | asyncmy |
"""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from holdfast import SQLitePragmas
from tests.engines.database import ASYNC_BACKENDS, BACKENDS, Database
from tests.transaction.rig import Rig, opened
from tests.transaction.store import Store

POOL = {"pool_size": 4, "max_overflow": 0, "pool_timeout": 2}


@asynccontextmanager
async def opened_store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Open a store on a database of its own."""
    backend: str = request.param
    with ExitStack() as stack:
        if "sqlite" in backend:
            factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
            database = Database.sqlite(backend, factory.mktemp("store") / "test.sqlite")
        else:
            is_mariadb = backend == "asyncmy"
            server = request.getfixturevalue("mariadb" if is_mariadb else "postgres")
            name = stack.enter_context(server.fresh_database())
            describe = Database.mariadb if is_mariadb else Database.postgres
            database = describe(backend, server, name)
        if database.is_async:
            store = Store(database, create_async_engine(database.url, **POOL))
        else:
            store = Store(database, create_engine(database.url, **POOL))
        if database.server is None:
            SQLitePragmas().install(store.sync_engine)
        await store.prepare()
        yield store
        await store.dispose()


@pytest.fixture(params=BACKENDS, scope="module")
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give a database, for every backend."""
    async with opened_store(request) as store:
        yield store


@pytest.fixture(params=ASYNC_BACKENDS, scope="module")
async def async_store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give a database, for every async backend."""
    async with opened_store(request) as store:
        yield store


@pytest.fixture(params=("asyncpg", "psycopg"), scope="module")
async def postgres_store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give a PostgreSQL database, for every async driver."""
    async with opened_store(request) as store:
        yield store


@pytest.fixture(params=("asyncpg", "psycopg", "asyncmy"), scope="module")
async def server_store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give a database on a server, for every async driver."""
    async with opened_store(request) as store:
        yield store


@pytest.fixture(params=("asyncmy",), scope="module")
async def mariadb_store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    """Give a MariaDB database."""
    async with opened_store(request) as store:
        yield store


@pytest.fixture
async def rig(store: Store) -> AsyncGenerator[Rig]:
    """Give an application on an emptied table, for every backend."""
    with opened(store) as rig:
        yield rig


@pytest.fixture
async def async_rig(async_store: Store) -> AsyncGenerator[Rig]:
    """Give an application on an emptied table, for every async backend."""
    with opened(async_store) as rig:
        yield rig


@pytest.fixture
async def postgres_rig(postgres_store: Store) -> AsyncGenerator[Rig]:
    """Give an application on an emptied table, for every async driver of PostgreSQL."""
    with opened(postgres_store) as rig:
        yield rig


@pytest.fixture
async def server_rig(server_store: Store) -> AsyncGenerator[Rig]:
    """Give an application on an emptied table of a server, for every async driver."""
    with opened(server_store) as rig:
        yield rig


@pytest.fixture
async def mariadb_rig(mariadb_store: Store) -> AsyncGenerator[Rig]:
    """Give an application on an emptied table of MariaDB."""
    with opened(mariadb_store) as rig:
        yield rig
