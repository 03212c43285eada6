"""Databases for tests that are about values: every driver, each behind the same sync session."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session

from tests.library import database_for, engine_for

__all__ = ("DRIVERS", "Opened", "opened")

T = TypeVar("T")

DRIVERS = ("sqlite", "aiosqlite", "psycopg", "asyncpg", "pymysql", "asyncmy", "mariadb")
_ENGINES = {
    "sqlite": "sqlite",
    "aiosqlite": "sqlite",
    "psycopg": "postgresql",
    "asyncpg": "postgresql",
    "pymysql": "mariadb",
    "asyncmy": "mariadb",
    # The same server by its own dialect, which knows types that MySQL has not.
    "mariadb": "mariadb",
}


class Opened:
    """A database and a driver: `run` calls something with a session, and commits.

    Attributes:
        engine: Which of the three engines it is.
    """

    def __init__(self, engine: str, bind: Engine | AsyncEngine, runner: asyncio.Runner) -> None:
        self.engine = engine
        self._bind = bind
        self._runner = runner

    def run(self, work: Callable[[Session], T]) -> T:
        """Return what a function of a sync session returns."""
        if isinstance(self._bind, Engine):
            with Session(self._bind) as session, session.begin():
                return work(session)
        return self._runner.run(self._run(self._bind, work))

    async def _run(self, bind: AsyncEngine, work: Callable[[Session], T]) -> T:
        async with AsyncSession(bind) as session, session.begin():
            return await session.run_sync(work)


@contextmanager
def opened(
    driver: str, request: pytest.FixtureRequest, tables: type[DeclarativeBase]
) -> Generator[Opened]:
    """Open an empty database by a driver, with some tables."""
    engine = _ENGINES[driver]
    create = tables.metadata.create_all
    with asyncio.Runner() as runner:
        if driver in {"sqlite", "psycopg", "pymysql"}:
            with engine_for(engine, request) as bind:
                create(bind)
                yield Opened(engine, bind, runner)
            return
        if driver == "mariadb":
            with engine_for(engine, request) as server:
                bind = create_engine(server.url.set(drivername="mariadb+pymysql"))
                create(bind)
                yield Opened(engine, bind, runner)
                bind.dispose()
            return
        with database_for(engine, request) as database:
            async_bind = create_async_engine(database.url)
            found = Opened(engine, async_bind, runner)
            found.run(lambda session: create(session.connection()))
            try:
                yield found
            finally:
                runner.run(async_bind.dispose())
