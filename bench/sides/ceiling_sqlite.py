"""The ceiling on SQLite: the standard library's driver, in threads of its own."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import make_url

from bench.sides.ceiling import Ceiling, ListRequest, Row
from bench.sides.engine import DATABASE, SQLITE_PRAGMAS

__all__ = ("app",)

T = TypeVar("T")

_READERS = 4
_NAMES = ("id", "name", "email", "born", "biography", "created_at", "updated_at")
# LIKE ignores the case of ASCII by itself, and without ``count(*) OVER ()`` the page is read along
# the index of names.
_LIST = """
SELECT id, name, email, born, biography, created_at, updated_at, (
    SELECT count(*) FROM author WHERE name LIKE ?1 AND created_at > ?2
)
FROM author WHERE name LIKE ?1 AND created_at > ?2 ORDER BY name LIMIT ?3 OFFSET ?4
"""
_GET = """
SELECT id, name, email, born, biography, created_at, updated_at FROM author WHERE id = ?
"""
_CREATE = """
INSERT INTO author (id, name, email, born, biography, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class SQLiteStore:
    """The table, through one connection for each thread; one thread writes."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(_READERS, initializer=self._connect)
        self._writer = ThreadPoolExecutor(1, initializer=self._connect)

    def _connect(self) -> None:
        path = make_url(DATABASE).database or ""
        # Closed by the thread that stops the application.
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        self._local.connection = connection
        self._connections.append(connection)

    async def open(self) -> None:
        """Leave connecting to the threads."""

    async def close(self) -> None:
        """Stop the threads, and close their connections."""
        self._readers.shutdown()
        self._writer.shutdown()
        for connection in self._connections:
            connection.close()

    async def page(self, request: ListRequest) -> tuple[list[Row], int]:
        """Return a page and the total, read by one statement."""
        after = _stored(datetime.fromisoformat(request.created_after))
        values = (f"%{request.search}%", after, request.limit, request.offset)
        rows = await self._run(self._readers, lambda cursor: cursor.execute(_LIST, values))
        return [_author(row) for row in rows], rows[0][-1] if rows else 0

    async def get(self, author_id: str) -> Row | None:
        """Return one author."""
        values = (UUID(author_id).bytes,)
        rows = await self._run(self._readers, lambda cursor: cursor.execute(_GET, values))
        return _author(rows[0]) if rows else None

    async def create(self, values: Row) -> Row:
        """Add an author in a transaction of its own, and return it once it is committed."""
        now = _stored(datetime.now(UTC))
        given = (values["name"], values["email"], values.get("born"), values.get("biography"))
        row = (uuid4().bytes, *given, now, now)
        await self._run(self._writer, partial(_insert, row=row))
        return _author(row)

    async def _run(
        self, threads: ThreadPoolExecutor, call: Callable[[sqlite3.Connection], sqlite3.Cursor]
    ) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, lambda: call(self._local.connection).fetchall())


def _insert(connection: sqlite3.Connection, row: tuple[Any, ...]) -> sqlite3.Cursor:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_CREATE, row)
    return connection.execute("COMMIT")


def _stored(moment: datetime) -> str:
    """Return a moment as SQLAlchemy stores it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _author(row: tuple[Any, ...]) -> dict[str, Any]:
    author: dict[str, Any] = dict(zip(_NAMES, row, strict=False))
    author["id"] = str(UUID(bytes=author["id"]))
    for name in ("created_at", "updated_at"):
        author[name] = f"{author[name].replace(' ', 'T').removesuffix('.000000')}Z"
    return author


app = Ceiling(SQLiteStore())
