"""One empty database for one test, and a second way in that is none of the application's."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines.mariadb import MariaDBServer
from tests.engines.postgres import PostgresServer

__all__ = ("ASYNC_BACKENDS", "BACKENDS", "SYNC_BACKENDS", "Database")

ASYNC_BACKENDS = ("aiosqlite", "asyncpg", "psycopg", "asyncmy")
SYNC_BACKENDS = ("pysqlite", "psycopg-sync")
BACKENDS = ASYNC_BACKENDS + SYNC_BACKENDS


@dataclass(frozen=True)
class Database:
    """An empty database that one test owns.

    Attributes:
        backend: One of `BACKENDS`.
        url: For `create_engine` or `create_async_engine`, as `is_async` says.
        name: The name on its server, or the path of the SQLite file.
        server: The PostgreSQL or MariaDB server, None for SQLite.
    """

    backend: str
    url: str
    name: str
    server: PostgresServer | MariaDBServer | None = None

    @classmethod
    def sqlite(cls, backend: str, file: Path) -> "Database":
        """Describe a SQLite file, which the first connection creates."""
        return cls(backend, f"sqlite+{backend}:///{file}", str(file))

    @classmethod
    def postgres(cls, backend: str, server: PostgresServer, name: str) -> "Database":
        """Describe a database on a PostgreSQL server."""
        url = server.url(backend.removesuffix("-sync"), name)
        return cls(backend, url, name, server)

    @classmethod
    def mariadb(cls, backend: str, server: MariaDBServer, name: str) -> "Database":
        """Describe a database on a MariaDB server."""
        return cls(backend, server.url(backend, name), name, server)

    @property
    def is_async(self) -> bool:
        """Whether the URL is for an async engine."""
        return self.backend in ASYNC_BACKENDS

    @property
    def is_postgres(self) -> bool:
        """Whether it is a PostgreSQL database."""
        return isinstance(self.server, PostgresServer)

    @property
    def is_mariadb(self) -> bool:
        """Whether it is a MariaDB database."""
        return isinstance(self.server, MariaDBServer)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own, committed, and return its rows.

        What it sees is committed: that connection takes no part in the application's transactions.
        """
        if self.server is None:
            with closing(sqlite3.connect(self.name, timeout=1)) as file, file:
                return file.execute(statement).fetchall()
        if isinstance(self.server, MariaDBServer):
            return self.server.execute(statement, self.name)
        with self.server.connect(self.name) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()
