"""Fixtures of the whole suite: real databases, each test with an empty one of its own.

Engines are started by the tests themselves, from installed binaries. Where one is missing, what
needs it is skipped and the end of the run says how to install it; with `CI=true` or
`HOLDFAST_REQUIRE_ENGINES=1` it fails instead.

Every `*_database` fixture gives a `tests.engines.database.Database` (url, backend, and `query()`,
which reads on a connection of its own); the `*_url` fixtures give its URL alone.

| fixture | runs once for each of |
|---|---|
| `async_database`, `async_url`, `async_engine` | aiosqlite, asyncpg, psycopg, asyncmy |
| `sync_database`, `sync_url`, `sync_engine` | pysqlite, psycopg-sync |
| `any_database` | all six; `is_async` says which |
| `postgres_database` | asyncpg, psycopg, psycopg-sync |
| `async_server_database` | asyncpg, psycopg, asyncmy |
| `postgres`, `mariadb` | the server itself: one for the whole run |
| `pgbouncer` | a pooler in transaction mode before it: one for the whole run |
| `galera` | a cluster of three nodes: one for the whole run, started by the first test that asks |

Fewer backends for one test: `@pytest.mark.parametrize("async_database", ["asyncpg"],
indirect=True)`. Async tests run on asyncio by AnyIO's plugin, in auto mode: no marker is needed.
"""

import os
import re
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import pytest
from advanced_alchemy.base import metadata_registry
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests import notes
from tests.engines import mariadb as mariadb_engine
from tests.engines.database import ASYNC_BACKENDS, BACKENDS, SYNC_BACKENDS, Database
from tests.engines.galera import GaleraCluster, find_provider
from tests.engines.mariadb import MariaDBServer
from tests.engines.pgbouncer import PgBouncer, find_pgbouncer
from tests.engines.postgres import PostgresServer, find_binaries

INSTALL = {
    "Galera": "apt-get install mariadb-server galera-4 rsync socat",
    "MariaDB": "apt-get install mariadb-server",
    "Node.js": "apt-get install nodejs npm",
    "PgBouncer": "apt-get install pgbouncer",
    "PostgreSQL": "apt-get install postgresql",
}
ADDRESS = re.compile(r" at 0x[0-9a-f]{6}")


def pytest_configure(config: pytest.Config) -> None:
    """Let SIGTERM end the run as Ctrl-C does, so that the engines are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a name that the processes of one run would not agree on."""
    for item in items:
        if ADDRESS.search(item.nodeid):
            raise pytest.UsageError(f"{item.nodeid} shows an address: give its parameters `ids`.")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    """Say which engines were missing and how to get them, and other notes, below all else."""
    yield
    for title, lines in notes.notes_of(config).items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the process that writes the summary know what this one has noted."""
    notes.send(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: notes.Node) -> None:
    """Take over what one of several processes has noted."""
    notes.take_over(node)


def require(config: pytest.Config, engine: str) -> None:
    """Skip the test for want of an engine, or fail it where engines are required."""
    remedy = INSTALL[engine]
    notes.note(config, "missing engines", f"{engine}: its tests were not run. Install: {remedy}")
    reason = f"{engine} is not installed ({remedy})"
    if os.environ.get("CI") == "true" or os.environ.get("HOLDFAST_REQUIRE_ENGINES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="module")
def tables_of_its_own() -> Generator[None]:
    """Keep a module's tables to itself.

    Advanced Alchemy makes the `metadata` of a configuration that of its bind key, for all others.
    """
    tables = metadata_registry.get(None)
    yield
    metadata_registry.set(None, tables)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio: SQLAlchemy's async engines know no other loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Generator[PostgresServer]:
    """Start one PostgreSQL for the whole run."""
    binaries = find_binaries()
    if binaries is None:
        require(pytestconfig, "PostgreSQL")
        return
    server = PostgresServer(binaries)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def mariadb(pytestconfig: pytest.Config) -> Generator[MariaDBServer]:
    """Start one MariaDB for the whole run."""
    binaries = mariadb_engine.find_binaries()
    if binaries is None:
        require(pytestconfig, "MariaDB")
        return
    server = MariaDBServer(binaries)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def pgbouncer(pytestconfig: pytest.Config, postgres: PostgresServer) -> Generator[PgBouncer]:
    """Start one PgBouncer for the whole run."""
    program = find_pgbouncer()
    if program is None:
        require(pytestconfig, "PgBouncer")
        return
    pooler = PgBouncer(program, postgres)
    try:
        yield pooler
    finally:
        pooler.close()


@pytest.fixture(scope="session")
def galera(pytestconfig: pytest.Config) -> Generator[GaleraCluster]:
    """Start one Galera cluster for the whole run."""
    binaries, provider = mariadb_engine.find_binaries(), find_provider()
    if binaries is None or provider is None:
        require(pytestconfig, "Galera")
        return
    cluster = GaleraCluster(binaries, provider)
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def empty_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Make an empty database for the backend that the fixture is parametrised with."""
    backend: str = request.param
    if "sqlite" in backend:
        yield Database.sqlite(backend, request.getfixturevalue("tmp_path") / "test.sqlite")
        return
    if backend == "asyncmy":
        mariadb_server: MariaDBServer = request.getfixturevalue("mariadb")
        with mariadb_server.fresh_database() as name:
            yield Database.mariadb(backend, mariadb_server, name)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.fresh_database() as name:
        yield Database.postgres(backend, server, name)


@pytest.fixture(params=ASYNC_BACKENDS)
def async_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Give an empty database for an async engine."""
    with empty_database(request) as database:
        yield database


@pytest.fixture(params=SYNC_BACKENDS)
def sync_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Give an empty database for a sync engine."""
    with empty_database(request) as database:
        yield database


@pytest.fixture(params=BACKENDS)
def any_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Give an empty database for an async or a sync engine."""
    with empty_database(request) as database:
        yield database


@pytest.fixture(params=("asyncpg", "psycopg", "psycopg-sync"))
def postgres_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Give an empty PostgreSQL database."""
    with empty_database(request) as database:
        yield database


@pytest.fixture(params=("asyncpg", "psycopg", "asyncmy"))
def async_server_database(request: pytest.FixtureRequest) -> Generator[Database]:
    """Give an empty database on a server for an async engine."""
    with empty_database(request) as database:
        yield database


@pytest.fixture
def async_url(async_database: Database) -> str:
    """Give the URL of an empty database, for `create_async_engine`."""
    return async_database.url


@pytest.fixture
def sync_url(sync_database: Database) -> str:
    """Give the URL of an empty database, for `create_engine`."""
    return sync_database.url


@pytest.fixture
async def async_engine(async_url: str) -> AsyncGenerator[AsyncEngine]:
    """Give an async engine on an empty database, disposed of at the end."""
    engine = create_async_engine(async_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def sync_engine(sync_url: str) -> Generator[Engine]:
    """Give a sync engine on an empty database, disposed of at the end."""
    engine = create_engine(sync_url)
    yield engine
    engine.dispose()
