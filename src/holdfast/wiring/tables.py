"""Creating tables at start-up, by several processes at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateSequence

__all__ = ("create_missing_tables", "outlasting_races")

# An arbitrary number that every starting process agrees on; "hold" in ASCII.
_ADVISORY_LOCK = 0x686F6C64

_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)

_LOST_RACE_CODES = frozenset({"42P07", "42710", "23505", "40P01", 1050, 1061, 1213})
_LOST_RACE_NAMES = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})


def create_missing_tables(connection: Connection, metadata: MetaData) -> None:
    """Create the tables that are not there yet, one process at a time where the database can."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    metadata.create_all(connection)


async def outlasting_races(create: Callable[[], Awaitable[None]]) -> None:
    """Repeat a creation that lost a race against another process.

    Between the look whether a table exists and its creation another worker may have made it.

    Args:
        create: What creates the tables, and may be repeated.

    Raises:
        DBAPIError: The creation failed for another reason, or again and again.
    """
    for pause in _PAUSES:
        try:
            return await create()
        except DBAPIError as error:
            if not _lost_race(error):
                raise
        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter
    return await create()


def _lost_race(error: DBAPIError) -> bool:
    original = error.orig
    codes = {getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1]}
    return (
        not _LOST_RACE_CODES.isdisjoint(codes)
        or getattr(original, "sqlite_errorname", None) in _LOST_RACE_NAMES
        or "already exists" in str(original)
    )


@compiles(CreateSequence, "mysql", "mariadb")
def _create_sequence(create: CreateSequence, compiler: Any, **options: Any) -> str:
    """Let each node of a Galera cluster count by itself.

    Galera refuses a sequence that keeps numbers in reserve, as MariaDB's do, unless its step is 0:
    that of ``auto_increment_increment``, which is 1 on a server that stands alone.
    """
    step = None if create.element.increment is not None else " INCREMENT BY 0"
    text: str = compiler.visit_create_sequence(create, prefix=step, **options)
    return text
