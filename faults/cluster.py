"""A Galera cluster of three whose nodes die under load."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from faults.clients import Clients
from faults.fault import Fault
from faults.sites import Engines, Site, durability_of
from tests.engines.database import Database
from tests.engines.proxy import Proxy

__all__ = ("FAULTS",)


@asynccontextmanager
async def _on_cluster(engines: Engines) -> AsyncGenerator[tuple[Site, Proxy]]:
    """Give a database that is reached as through a load balancer, and read on another node."""
    first, second, _ = engines.galera.nodes
    with engines.galera.fresh_database() as name:
        async with Proxy(first.port) as proxy:
            site = Site(
                first.url("asyncmy", name, port=proxy.port),
                durability_of(first),
                Database.mariadb("asyncmy", second, name).query,
                backend="asyncmy",
            )
            yield site, proxy


@asynccontextmanager
async def _node_killed(engines: Engines, _: str) -> AsyncGenerator[Site]:
    """Kill the node that the application is connected to, and lead it to the next."""
    first, second, _third = engines.galera.nodes
    async with _on_cluster(engines) as (site, proxy):

        async def inject(clients: Clients, _: Any) -> None:
            await clients.more(20)
            await asyncio.to_thread(first.kill9)
            proxy.lead_to(second.port)
            await clients.more(20, within=15)

        yield replace(site, inject=inject)


@asynccontextmanager
async def _other_killed(engines: Engines, _: str) -> AsyncGenerator[Site]:
    """Kill a node that the application is not connected to: writes stall, and go on."""
    *_rest, third = engines.galera.nodes
    async with _on_cluster(engines) as (site, _proxy):

        async def inject(clients: Clients, _: Any) -> None:
            await clients.more(20)
            await asyncio.to_thread(third.kill9)
            await clients.more(20, within=15)

        yield replace(site, inject=inject)


@asynccontextmanager
async def _quorum_lost(engines: Engines, _: str) -> AsyncGenerator[Site]:
    """Kill the two others, and start them again."""
    _first, *others = engines.galera.nodes
    async with _on_cluster(engines) as (site, _proxy):

        async def inject(clients: Clients, _: Any) -> None:
            await clients.more(20)
            for other in others:
                await asyncio.to_thread(other.kill9)
            await asyncio.sleep(6)
            await asyncio.to_thread(engines.galera.heal)
            await clients.more(20, within=15)

        yield replace(site, inject=inject)


FAULTS = (
    Fault("galera-node", "Galera: the node in use killed with SIGKILL", _node_killed, ("asyncmy",)),
    Fault(
        "galera-other",
        "Galera: another node killed with SIGKILL",
        _other_killed,
        ("asyncmy",),
        is_felt=False,
    ),
    Fault("galera-quorum", "Galera: quorum lost and healed", _quorum_lost, ("asyncmy",)),
)
