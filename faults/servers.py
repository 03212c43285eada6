"""Servers that die under load: one that comes back, and one whose standby takes over."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from faults.clients import Clients
from faults.fault import Fault, Place
from faults.sites import Engines, Site, durability_of, on_server
from tests.engines.postgres_pair import PostgresPair

__all__ = ("FAULTS",)

_POSTGRES = ("asyncpg", "psycopg", "psycopg-sync")


@asynccontextmanager
async def _killed(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    server = engines.mariadb if backend == "asyncmy" else engines.postgres
    with on_server(engines, backend) as site:

        async def inject(clients: Clients, _: Any) -> None:
            for _round in range(2):
                await clients.more(20)
                await asyncio.to_thread(server.kill9)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(server.start)
                await clients.more(10)

        yield replace(site, inject=inject)


@asynccontextmanager
async def _failover(
    engines: Engines, backend: str, *, synchronous: str | None
) -> AsyncGenerator[Site]:
    pair = await asyncio.to_thread(
        lambda: PostgresPair(
            engines.postgres.binaries, synchronous=synchronous, settings={"fsync": "on"}
        )
    )
    lives = pair.primary
    durability = durability_of(pair.primary)

    def query(statement: str) -> list[tuple[Any, ...]]:
        with lives.connect() as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    async def inject(clients: Clients, _: Any) -> None:
        nonlocal lives
        await clients.more(30)
        if synchronous is None:
            # However little it lags on one machine: what it misses now is what it has not got.
            await asyncio.to_thread(pair.standby.stop)
            await clients.more(10)
        await asyncio.to_thread(pair.kill_primary)
        await asyncio.to_thread(pair.standby.start)
        await asyncio.to_thread(pair.promote)
        lives = pair.standby
        await clients.more(10)

    try:
        url = pair.url(backend.removesuffix("-sync"))
        yield Site(url, durability, query, backend=backend, inject=inject)
    finally:
        await asyncio.to_thread(pair.close)


def _with(synchronous: str | None) -> Place:
    return partial(_failover, synchronous=synchronous)


FAULTS = (
    Fault(
        "server-killed",
        "server killed with SIGKILL and restarted, twice",
        _killed,
        (*_POSTGRES, "asyncmy"),
    ),
    Fault(
        "failover",
        "primary lost, synchronous standby promoted",
        _with("on"),
        _POSTGRES,
    ),
    Fault(
        "failover-applied",
        "the same with synchronous_commit=remote_apply",
        _with("remote_apply"),
        _POSTGRES[:1],
    ),
    Fault(
        "failover-asynchronous",
        "the limit: primary lost, asynchronous standby promoted that was behind",
        _with(None),
        _POSTGRES[:1],
        is_limit=True,
    ),
)
