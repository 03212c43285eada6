"""The service itself in a process of its own, which ends, or whose clients do not wait."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from faults.clients import Clients
from faults.fault import Fault, Place
from faults.sites import Engines, Site, on_server
from faults.targets import Served

__all__ = ("FAULTS",)

_POSTGRES = ("asyncpg", "psycopg")
_PATIENCE = 5.0
_BACKENDS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def _gone(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    def shape(number: int) -> dict[str, float]:
        if number % 2:
            return {"pause": 0.005}
        return {"pause": 0.005, "leave": random.uniform(0.001, 0.02)}

    with on_server(engines, backend, shape=shape) as site:
        yield site


@asynccontextmanager
async def _ended(engines: Engines, backend: str, *, how: signal.Signals) -> AsyncGenerator[Site]:
    with on_server(engines, backend, shape=lambda _: {"pause": 0.005}) as site:

        async def inject(clients: Clients, server: Served) -> None:
            for _round in range(2):
                await clients.more(20)
                await server.end(how)
                server.left_over += await asyncio.to_thread(_backends_left, site)
                await server.start()
                await clients.more(10)

        yield replace(site, inject=inject)


def _backends_left(site: Site) -> int:
    """Return how many connections the database still has from a service that has ended."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        [(count,)] = site.query(_BACKENDS)
        if not count or time.monotonic() > deadline:
            return int(count)
        time.sleep(0.02)


def _by(how: signal.Signals) -> Place:
    return partial(_ended, how=how)


FAULTS = (
    Fault(
        "client-gone",
        "every second client goes away before its answer",
        _gone,
        _POSTGRES,
        served=True,
    ),
    Fault(
        "server-sigterm",
        "service ended with SIGTERM, twice",
        _by(signal.SIGTERM),
        _POSTGRES,
        served=True,
    ),
    Fault(
        "server-sigkill",
        "service ended with SIGKILL, twice",
        _by(signal.SIGKILL),
        _POSTGRES,
        served=True,
    ),
)
