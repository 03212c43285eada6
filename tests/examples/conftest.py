"""The example over a few real airports, in a database of its own for each test."""

import importlib
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from examples.airports.loading import Row, load, read_airports
from holdfast.testing import client

if TYPE_CHECKING:
    import httpx2

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def sample() -> list[Row]:
    """Give the airports of four countries, one of which ISO 3166-1 does not list.

    They are in no order that an answer could have by accident.
    """
    airports = reversed(read_airports())
    return [row for row in airports if row["country_code"] in {"GI", "IS", "LU", "XK"}]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give the path of a database that is not there yet."""
    return tmp_path / "data" / "airports.sqlite"


@pytest.fixture
def query(database: Path) -> Query:
    """Give a function that reads on a connection of its own, as another process would."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(sql).fetchall()

    return run


@pytest.fixture
def service(database: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the application's module, imported anew for this database."""
    database.parent.mkdir()
    monkeypatch.setenv("AIRPORTS_DB", str(database))
    monkeypatch.delitem(sys.modules, "examples.airports.app", raising=False)
    return importlib.import_module("examples.airports.app")


@pytest.fixture
async def http(service: ModuleType, sample: list[Row]) -> "AsyncGenerator[httpx2.AsyncClient]":
    """Give a client of the service, with the sample loaded."""
    async with client(service.app) as connected:
        await load(service.alchemy, sample)
        yield connected
