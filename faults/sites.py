"""Where the rows of a run are: a database on an engine, and what happens to it."""

import sqlite3
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from faults.application import Settings
from faults.clients import Clients, Shape
from tests.engines.database import ASYNC_BACKENDS, Database
from tests.engines.galera import GaleraCluster
from tests.engines.mariadb import MariaDBServer
from tests.engines.postgres import PostgresServer

__all__ = ("Engines", "Inject", "Site", "on_server", "sqlite_site", "url_through")

Inject = Callable[[Clients, Any], Awaitable[None]]

COUNTERS = "INSERT INTO fault_counter (id, total) VALUES (1, 0), (2, 0)"


async def nothing(_: Clients, __: Any) -> None:
    """Let requests be their own fault."""


@dataclass(frozen=True)
class Site:
    """A database for one run.

    Attributes:
        url: What the application is given.
        durability: What the engine was set to.
        query: Runs a statement on a connection that is none of the application's.
        backend: One of `tests.engines.database.BACKENDS`.
        inject: Breaks something under load, and mends it; it gets the clients and their target.
        shape: What the nth request has beside its name.
        engine: Options of the application's engine.
        extension: Options of the extension.
        pragmas: What each connection to SQLite begins with.
    """

    url: str
    durability: str
    query: Callable[[str], list[tuple[Any, ...]]]
    backend: str
    inject: Inject = nothing
    shape: Shape = lambda _: {}
    engine: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extension: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pragmas: Sequence[str] = ()

    @property
    def settings(self) -> Settings:
        """What the application is told of it."""
        is_async = self.backend in ASYNC_BACKENDS
        return Settings(self.url, is_async, self.engine, self.extension, self.pragmas)

    def prepare(self) -> None:
        """Write the rows that requests may contend for; the tables are there."""
        self.query(COUNTERS)

    def names(self) -> list[str]:
        """Return the names of all rows that are committed."""
        return [name for (name,) in self.query("SELECT name FROM fault_entry")]


@dataclass
class Engines:
    """The engines of a run, each started when it is first needed.

    Attributes:
        start_postgres: Starts PostgreSQL, or gives one that runs; the others likewise.
        start_mariadb: MariaDB.
        start_galera: A Galera cluster.
        folder: For SQLite.
    """

    start_postgres: Callable[[], PostgresServer]
    start_mariadb: Callable[[], MariaDBServer]
    start_galera: Callable[[], GaleraCluster]
    folder: Path

    @cached_property
    def postgres(self) -> PostgresServer:
        """PostgreSQL."""
        return self.start_postgres()

    @cached_property
    def mariadb(self) -> MariaDBServer:
        """MariaDB."""
        return self.start_mariadb()

    @cached_property
    def galera(self) -> GaleraCluster:
        """A Galera cluster."""
        return self.start_galera()

    def versions(self) -> list[str]:
        """Return the engines that were used, with their versions."""
        started = vars(self)
        found = []
        if "postgres" in started:
            with self.postgres.connect() as connection:
                (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
            found.append(f"PostgreSQL {version.partition(' ')[0]}")
        for engine, server in (("MariaDB", "mariadb"), ("MariaDB with Galera", "galera")):
            if server in started:
                node = self.galera.nodes[0] if server == "galera" else self.mariadb
                [(version,)] = node.execute("SELECT version()")
                found.append(f"{engine} {version.partition('-')[0]}")
        return found


@contextmanager
def on_server(engines: Engines, backend: str, **options: Any) -> Generator[Site]:
    """Give a database on a server of its own.

    Args:
        engines: The engines.
        backend: The driver, which says on which.
        options: Those of the site.
    """
    is_mariadb = backend == "asyncmy"
    server = engines.mariadb if is_mariadb else engines.postgres
    with server.fresh_database() as name:
        describe: Any = Database.mariadb if is_mariadb else Database.postgres
        database: Database = describe(backend, server, name)
        yield Site(database.url, durability_of(server), database.query, backend=backend, **options)


def durability_of(server: PostgresServer | MariaDBServer) -> str:
    """Return what a server says of when a COMMIT is kept."""
    if isinstance(server, MariaDBServer):
        [(value,)] = server.execute("SELECT @@innodb_flush_log_at_trx_commit")
        return f"innodb_flush_log_at_trx_commit={value}"
    names = ("fsync", "synchronous_commit", "synchronous_standby_names")
    with server.connect() as connection:
        cursor = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
            [list(names)],
        )
        return ", ".join(f"{name}={setting}" for name, setting in cursor if setting)


def sqlite_site(engines: Engines, name: str, **options: Any) -> Site:
    """Return a database in a file of its own.

    Args:
        engines: The engines.
        name: Of the file, new for each run.
        options: Those of the site.
    """
    file = engines.folder / f"{name}.sqlite"

    def query(statement: str) -> list[tuple[Any, ...]]:
        # Writers of the application do not queue, so that one more may have to wait for long.
        with closing(sqlite3.connect(file, timeout=20)) as connection, connection:
            return connection.execute(statement).fetchall()

    url = Database.sqlite("aiosqlite", file).url
    durability = "journal_mode=WAL, synchronous=FULL"
    return Site(url, durability, query, backend="aiosqlite", **options)


def url_through(site: Site, port: int, *, of: int) -> str:
    """Return a site's URL with the port of a proxy.

    Args:
        site: The site.
        port: The proxy's.
        of: The server's.
    """
    return site.url.replace(f"127.0.0.1:{of}", f"127.0.0.1:{port}")
