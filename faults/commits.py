"""Transactions that the database refuses, at COMMIT or before."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from faults.fault import Fault
from faults.sites import Engines, Site, on_server
from faults.wirings import KEYS, PLAIN, RETRY

__all__ = ("FAULTS",)

_POSTGRES = ("asyncpg", "psycopg", "psycopg-sync")
_SERIALIZABLE = {"isolation_level": "SERIALIZABLE"}


@asynccontextmanager
async def _deferred(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend, shape=lambda number: {"orphan": number % 3 == 0}) as site:
        yield site


@asynccontextmanager
async def _skew(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    shape = {"work": "count", "pause": 0.002}
    with on_server(engines, backend, shape=lambda _: shape, engine=_SERIALIZABLE) as site:
        yield site


def _every_second(number: int) -> dict[str, str]:
    # Of four requests an odd one and an even one, whose orders differ.
    return {"work": "cross" if number % 4 in {0, 1} else "nothing"}


@asynccontextmanager
async def _deadlock(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend, shape=_every_second) as site:
        yield site


FAULTS = (
    Fault(
        "deferred-constraint",
        "deferred foreign key broken by every third request, refused at COMMIT",
        _deferred,
        _POSTGRES,
    ),
    Fault(
        "serialization",
        "SERIALIZABLE, every request reads what the others write: 40001 at flush and COMMIT",
        _skew,
        _POSTGRES,
        (PLAIN, KEYS, RETRY),
    ),
    Fault(
        "deadlock",
        "every second request locks two rows, in either order: 40P01, 1213",
        _deadlock,
        (*_POSTGRES, "asyncmy"),
        (PLAIN, KEYS, RETRY),
    ),
)
