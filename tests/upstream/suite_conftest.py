"""The `conftest.py` of the run of upstream's tests: what they need of their own, no containers."""

import asyncio
import os
import sys
from collections.abc import Generator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ("anyio_backend", "asyncpg_engine", "pytest_sessionfinish")

REPLACED = ("advanced_alchemy.extensions.fastapi", "advanced_alchemy.extensions.starlette")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, as upstream does."""
    return "asyncio"


@pytest.fixture
def asyncpg_engine() -> Generator[AsyncEngine]:
    """Give an engine with a single connection, so that one which is not returned is missed."""
    url = os.environ.get("UPSTREAM_ASYNCPG_URL")
    if url is None:
        pytest.skip("there is no PostgreSQL")
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=5)
    yield engine
    asyncio.run(engine.dispose())


def pytest_sessionfinish() -> None:
    """Fail the run if it used what Holdfast replaces: then it tested nothing."""
    if loaded := [name for name in REPLACED if name in sys.modules]:
        pytest.exit(f"upstream's own modules were imported: {', '.join(loaded)}", returncode=3)
