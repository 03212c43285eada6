"""The library in a database for each module and engine; every test finds the tables empty.

| fixture | runs once for each of |
|---|---|
| `library` | SQLite, PostgreSQL, MariaDB |
| `postgres_library` | PostgreSQL |
| `sqlite_library` | SQLite |
"""

from collections.abc import AsyncGenerator

import pytest

from tests.crud.library_api import Library, opened_library
from tests.library import ENGINES


@pytest.fixture(params=ENGINES, scope="module")
async def opened(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the library, for every engine."""
    async with opened_library(request.param, request) as library:
        yield library


@pytest.fixture(params=("postgresql",), scope="module")
async def opened_postgres(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the library in PostgreSQL."""
    async with opened_library(request.param, request) as library:
        yield library


@pytest.fixture(params=("sqlite",), scope="module")
async def opened_sqlite(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the library in SQLite."""
    async with opened_library(request.param, request) as library:
        yield library


@pytest.fixture
async def library(opened: Library) -> Library:
    """Give the library, emptied."""
    opened.empty()
    return opened


@pytest.fixture
async def postgres_library(opened_postgres: Library) -> Library:
    """Give the library in PostgreSQL, emptied."""
    opened_postgres.empty()
    return opened_postgres


@pytest.fixture
async def sqlite_library(opened_sqlite: Library) -> Library:
    """Give the library in SQLite, emptied."""
    opened_sqlite.empty()
    return opened_sqlite
