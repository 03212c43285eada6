"""The example under attack: on SQLite and on PostgreSQL, with a few real airports."""

import importlib
import sys
from collections.abc import AsyncGenerator
from types import ModuleType

import httpx2
import pytest
from sqlalchemy import insert

from examples.airports.loading import Row, read_airports, read_countries
from examples.airports.models import Airport, Country
from holdfast import AdvancedAlchemy
from holdfast.testing import client
from holdfast.testing.engines import sync_engines
from tests.engines.database import Database
from tests.hostile.ledger import Ledger


@pytest.fixture(scope="session")
def sample() -> list[Row]:
    """Give the airports of four countries."""
    return [row for row in read_airports() if row["country_code"] in {"GI", "IS", "LU", "XK"}]


@pytest.fixture
def service(async_database: Database, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the example's module, imported anew for an empty database."""
    monkeypatch.setenv("AIRPORTS_URL", async_database.url)
    monkeypatch.delitem(sys.modules, "examples.airports.app", raising=False)
    return importlib.import_module("examples.airports.app")


@pytest.fixture
async def http(service: ModuleType, sample: list[Row]) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give a client of the example; what escapes from it is raised, not made a 500.

    Afterwards every connection must be back in the pool.
    """
    async with client(service.app) as connected:
        await fill(service.alchemy, sample)
        yield connected
        assert checked_out(service.alchemy) == 0


@pytest.fixture
def ledger(http: httpx2.AsyncClient, async_database: Database) -> Ledger:
    """Give the account of what is stored, begun after the sample was loaded."""
    return Ledger(async_database)


async def fill(alchemy: AdvancedAlchemy, airports: list[Row]) -> None:
    """Store airports and the countries of the world."""
    async with alchemy.transaction() as session:
        await session.execute(insert(Country), read_countries(airports))
        await session.execute(insert(Airport), airports)


def checked_out(alchemy: AdvancedAlchemy) -> int:
    """Return how many connections are out of the pool."""
    (engine,) = sync_engines(alchemy)
    count: int = engine.pool.checkedout()  # type: ignore[attr-defined]
    return count
