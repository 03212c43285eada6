"""The ceiling on PostgreSQL: asyncpg."""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]

from bench.sides.ceiling import Ceiling, ListRequest, Row
from bench.sides.engine import CONNECTIONS, DATABASE

__all__ = ("app",)

# Faster here than ``ILIKE`` and than ``count(*) OVER ()``, which keeps the sort from ending early.
_LIST = """
SELECT id::text, name, email, born, biography, created_at, updated_at, (
    SELECT count(*) FROM author WHERE lower(name) LIKE lower($1) AND created_at > $2
) AS total
FROM author WHERE lower(name) LIKE lower($1) AND created_at > $2
ORDER BY name LIMIT $3 OFFSET $4
"""
_GET = """
SELECT id::text, name, email, born, biography, created_at, updated_at FROM author WHERE id = $1
"""
_CREATE = """
INSERT INTO author (id, name, email, born, biography, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, now(), now())
RETURNING id::text, name, email, born, biography, created_at, updated_at
"""


async def _keep_state(_connection: Any) -> None:
    """Leave a returned connection as it is: no statement here changes its settings."""


class PostgresStore:
    """The table, through asyncpg's own pool."""

    def __init__(self) -> None:
        self._pool: Any = None

    async def open(self) -> None:
        """Open the pool."""
        dsn = DATABASE.replace("+asyncpg", "")
        size = CONNECTIONS
        self._pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
            dsn, min_size=size, max_size=size, reset=_keep_state
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    async def page(self, request: ListRequest) -> tuple[list[Row], int]:
        """Return a page and the total, read by one statement."""
        after = datetime.fromisoformat(request.created_after)
        search = f"%{request.search}%"
        rows = await self._pool.fetch(_LIST, search, after, request.limit, request.offset)
        items = [dict(row) for row in rows]
        totals = [int(item.pop("total")) for item in items]
        return [*items], totals[0] if totals else 0

    async def get(self, author_id: str) -> Row | None:
        """Return one author."""
        row = await self._pool.fetchrow(_GET, author_id)
        return None if row is None else dict(row)

    async def create(self, values: Row) -> Row:
        """Add an author in a transaction of its own, and return it once it is committed."""
        born = values.get("born")
        arguments = (
            uuid4(),
            values["name"],
            values["email"],
            None if born is None else date.fromisoformat(born),
            values.get("biography"),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_CREATE, *arguments)
        return dict(row)


app = Ceiling(PostgresStore())
