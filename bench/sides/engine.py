"""The engine that every side but the ceiling uses, with the same options on each."""

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ("CONNECTIONS", "DATABASE", "SQLITE_PRAGMAS", "make_engine")

DATABASE = os.environ["BENCH_DATABASE"]
CONNECTIONS = int(os.environ["BENCH_CONNECTIONS"])
# NORMAL syncs at checkpoints only: a sync per COMMIT would measure the disk.
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON")


def make_engine() -> AsyncEngine:
    """Return an engine in whose pool no client has to wait."""
    engine = create_async_engine(DATABASE, pool_size=CONNECTIONS, max_overflow=0)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
