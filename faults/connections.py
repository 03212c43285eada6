"""Connections that end, whose replies are lost, or that lead nowhere for a while."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from faults.clients import Clients
from faults.fault import Fault
from faults.sites import Engines, Inject, Site, on_server, url_through
from tests.engines.proxy import Proxy

__all__ = ("FAULTS",)

_ROUNDS = 8
_PATIENCE = 20.0
_POSTGRES = ("asyncpg", "psycopg", "psycopg-sync")
_SERVERS = (*_POSTGRES, "asyncmy")
_TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
)
# Deferred, it runs as COMMIT does.
_SLOW_COMMITS = """
CREATE FUNCTION sleep_a_little() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON fault_entry DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION sleep_a_little()
"""


def _killing(site: Site, state: str, preparation: str | None = None) -> Inject:
    """Kill, again and again, the connections that are in a certain state."""

    async def inject(clients: Clients, _: Any) -> None:
        if preparation is not None:
            await asyncio.to_thread(site.query, preparation)
        killed = attempts = 0
        while killed < _ROUNDS and attempts < 20 * _ROUNDS:
            await clients.more(4, within=1)
            [(count,)] = await asyncio.to_thread(site.query, _TERMINATE + state)
            killed += count
            attempts += 1

    return inject


@asynccontextmanager
async def _killed_before(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend, shape=lambda _: {"pause": 0.005}) as site:
        yield replace(site, inject=_killing(site, "state = 'idle in transaction'"))


@asynccontextmanager
async def _killed_in(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend) as site:
        yield replace(
            site, inject=_killing(site, "state = 'active' AND query ~* '^commit'", _SLOW_COMMITS)
        )


@asynccontextmanager
async def _killed_after(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    with on_server(engines, backend) as site:
        yield replace(site, inject=_killing(site, "state = 'idle'"))


@asynccontextmanager
async def _killed_anytime(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    server = engines.mariadb if backend == "asyncmy" else engines.postgres
    with on_server(engines, backend) as site:
        database = site.url.rpartition("/")[2]

        async def inject(clients: Clients, _: Any) -> None:
            for _round in range(_ROUNDS):
                await clients.more(10, within=1)
                await asyncio.to_thread(server.terminate_backends, database)

        yield replace(site, inject=inject)


@asynccontextmanager
async def _behind_proxy(
    engines: Engines, backend: str, **options: Any
) -> AsyncGenerator[tuple[Site, Proxy]]:
    server = engines.mariadb if backend == "asyncmy" else engines.postgres
    with on_server(engines, backend, **options) as site:
        async with Proxy(server.port) as proxy:
            yield replace(site, url=url_through(site, proxy.port, of=server.port)), proxy


@asynccontextmanager
async def _reply_lost(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    async with _behind_proxy(engines, backend) as (site, proxy):

        async def inject(clients: Clients, _: Any) -> None:
            for _round in range(_ROUNDS):
                await clients.more(5, within=1)
                proxy.lost.clear()
                proxy.lose_reply(b"COMMIT")
                async with asyncio.timeout(_PATIENCE):
                    await proxy.lost.wait()

        yield replace(site, inject=inject)


@asynccontextmanager
async def _reset(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    async with _behind_proxy(engines, backend) as (site, proxy):

        async def inject(clients: Clients, _: Any) -> None:
            for _round in range(_ROUNDS):
                await clients.more(10, within=1)
                proxy.reset()

        yield replace(site, inject=inject)


@asynccontextmanager
async def _black_hole(engines: Engines, backend: str) -> AsyncGenerator[Site]:
    extension = {"commit_timeout": 0.5, "statement_timeout": 0.5}
    async with _behind_proxy(engines, backend, extension=extension) as (site, proxy):

        async def inject(clients: Clients, _: Any) -> None:
            await clients.more(10)
            proxy.black_hole()
            await asyncio.sleep(1.5)
            proxy.heal()
            await clients.more(10)

        yield replace(site, inject=inject)


FAULTS = (
    Fault("killed-before", "backends killed between flush and COMMIT", _killed_before, _POSTGRES),
    Fault("killed-in", "backends killed in COMMIT", _killed_in, _POSTGRES),
    Fault("killed-after", "idle backends killed after COMMIT", _killed_after, _POSTGRES),
    Fault("killed-anytime", "all connections killed at any time", _killed_anytime, _SERVERS),
    Fault("reply-lost", "the reply to COMMIT lost on its way", _reply_lost, _SERVERS),
    Fault("reset", "connections reset under load", _reset, _SERVERS),
    Fault(
        "black-hole",
        "the database swallows everything for 1.5 s, then answers",
        _black_hole,
        _SERVERS,
        is_felt=False,
    ),
)
