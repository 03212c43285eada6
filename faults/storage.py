"""Databases that take no writes: read-only, full, or locked by somebody else."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from faults.clients import Clients
from faults.fault import Fault
from faults.sites import Engines, Site, on_server, sqlite_site

__all__ = ("FAULTS",)

_SECONDS = 0.5
_PAGES = 2000
_FILL = f"""
WITH RECURSIVE filler(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM filler WHERE n < {_PAGES})
INSERT INTO fault_entry (name, text) SELECT 'filler', hex(zeroblob(2000)) FROM filler
"""
_LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
time.sleep(2.5)
connection.execute("ROLLBACK")
"""


@asynccontextmanager
async def _read_only(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend) as site:

        async def inject(clients: Clients, _: Any) -> None:
            await clients.more(20)
            with engines.mariadb.read_only() if backend == "asyncmy" else _refusing(site):
                await asyncio.sleep(_SECONDS)
            await clients.more(10)

        yield replace(site, inject=inject)


@contextmanager
def _refusing(site: Site) -> Generator[None]:
    _alter_system(site, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        _alter_system(site, "RESET default_transaction_read_only")


def _alter_system(site: Site, change: str) -> None:
    site.query(f"ALTER SYSTEM {change}")
    site.query("SELECT pg_reload_conf()")


@asynccontextmanager
async def _full(engines: Engines, _: str) -> AsyncGenerator[Site]:
    """Let the file be as large as the application may make it, and then have room again."""
    limit = f"PRAGMA max_page_count = {_PAGES}"
    site = sqlite_site(
        engines, f"full-{uuid4().hex}", shape=lambda _: {"length": 3000}, pragmas=[limit]
    )

    async def inject(clients: Clients, _: Any) -> None:
        await clients.more(20)
        await asyncio.to_thread(site.query, _FILL)
        await asyncio.sleep(_SECONDS)
        await asyncio.to_thread(site.query, "DELETE FROM fault_entry WHERE name = 'filler'")
        await clients.more(10)

    yield replace(site, inject=inject)


@asynccontextmanager
async def _locked(engines: Engines, _: str) -> AsyncGenerator[Site]:
    name = f"locked-{uuid4().hex}"
    site = sqlite_site(engines, name)

    async def inject(clients: Clients, _: Any) -> None:
        await clients.more(10)
        command = [sys.executable, "-c", _LOCK, str(engines.folder / f"{name}.sqlite")]
        await asyncio.to_thread(subprocess.run, command, check=True)
        await clients.more(10)

    yield replace(site, inject=inject)


FAULTS = (
    Fault(
        "read-only",
        "the server refuses writes for a while: default_transaction_read_only, read_only",
        _read_only,
        ("asyncpg", "psycopg", "psycopg-sync", "asyncmy"),
    ),
    Fault("sqlite-full", "SQLite file full for a while: max_page_count", _full, ("aiosqlite",)),
    Fault("sqlite-locked", "SQLite locked by another process for 2.5 s", _locked, ("aiosqlite",)),
)
