"""COMMITs that fail as if their driver had said so, on every driver."""

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from asyncmy import errors as asyncmy_errors
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from holdfast.testing import fail_next_commit, lose_next_commit_reply
from tests.engines.database import Database

INSERT = text("INSERT INTO here VALUES (1)")
AnyEngine: TypeAlias = Engine | AsyncEngine

servers_only = pytest.mark.parametrize(
    "any_database", ["asyncpg", "psycopg", "psycopg-sync", "asyncmy"], indirect=True
)


@asynccontextmanager
async def engine_on(database: Database) -> AsyncGenerator[AnyEngine]:
    database.query("CREATE TABLE here (id int)")
    if not database.is_async:
        engine = create_engine(database.url)
        yield engine
        engine.dispose()
        return
    async_engine = create_async_engine(database.url)
    yield async_engine
    await async_engine.dispose()


async def insert(engine: AnyEngine) -> None:
    """Commit one row, on a connection that goes back to the pool whatever happens."""
    if isinstance(engine, AsyncEngine):
        async with engine.connect() as connection:
            await connection.execute(INSERT)
            await connection.commit()
    else:
        with engine.connect() as sync_connection:
            sync_connection.execute(INSERT)
            sync_connection.commit()


def handled(engine: AnyEngine) -> list[ExceptionContext]:
    """Listen to the errors of an engine."""
    seen: list[ExceptionContext] = []
    target = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    event.listen(target, "handle_error", seen.append)
    return seen


async def test_a_failed_commit_is_not_committed(any_database: Database) -> None:
    """SQLAlchemy wraps the error, its listeners see it, and the row is not there."""
    async with engine_on(any_database) as engine:
        seen = handled(engine)
        with fail_next_commit(engine), pytest.raises(DBAPIError) as caught:
            await insert(engine)
        assert not caught.value.connection_invalidated
        assert [context.sqlalchemy_exception for context in seen] == [caught.value]
    assert any_database.query("SELECT * FROM here") == []


async def test_only_one_commit_fails(any_database: Database) -> None:
    """The next one goes through, within the block and after it."""
    async with engine_on(any_database) as engine:
        with fail_next_commit(engine):
            with pytest.raises(DBAPIError):
                await insert(engine)
            await insert(engine)
        await insert(engine)
    assert any_database.query("SELECT * FROM here") == [(1,), (1,)]


@pytest.mark.parametrize("any_database", ["pysqlite"], indirect=True)
async def test_blocks_nest(any_database: Database) -> None:
    """An inner block leaves the outer one's failure in place, and both leave nothing behind."""
    async with engine_on(any_database) as engine:
        with fail_next_commit(engine):
            with fail_next_commit(engine), pytest.raises(DBAPIError):
                await insert(engine)
            with pytest.raises(DBAPIError):
                await insert(engine)
        await insert(engine)
    assert any_database.query("SELECT * FROM here") == [(1,)]


@servers_only
async def test_the_default_is_a_serialization_failure(any_database: Database) -> None:
    """On a server the error carries the code that a driver reports for it."""
    async with engine_on(any_database) as engine:
        with fail_next_commit(engine), pytest.raises(DBAPIError) as caught:
            await insert(engine)
    assert caught.value.orig is not None
    assert getattr(caught.value.orig, "sqlstate", None) == "40001"


async def test_a_given_error_is_raised_as_the_driver_would(any_database: Database) -> None:
    """A driver's own exception arrives as SQLAlchemy's class for it."""
    async with engine_on(any_database) as engine:
        error = integrity_error(any_database)
        with fail_next_commit(engine, error), pytest.raises(IntegrityError) as caught:
            await insert(engine)
        original = caught.value.orig
        assert error in {original, getattr(original, "__cause__", None)}


def integrity_error(database: Database) -> Exception:
    if database.backend == "asyncmy":
        return asyncmy_errors.IntegrityError(1062, "duplicate key")
    drivers = {"asyncpg": "asyncpg", "pysqlite": "sqlite3", "aiosqlite": "sqlite3"}
    module = importlib.import_module(drivers.get(database.backend, "psycopg"))
    name = "UniqueViolationError" if database.backend == "asyncpg" else "IntegrityError"
    error: Exception = getattr(module, name)("duplicate key")
    return error


async def test_a_lost_reply_is_committed(any_database: Database) -> None:
    """The row is there, SQLAlchemy reports a disconnect, and the pool replaces the connection."""
    async with engine_on(any_database) as engine:
        seen = handled(engine)
        with lose_next_commit_reply(engine), pytest.raises(DBAPIError) as caught:
            await insert(engine)
        assert caught.value.connection_invalidated
        assert [context.is_disconnect for context in seen] == [True]
        assert any_database.query("SELECT * FROM here") == [(1,)]
        await insert(engine)
    assert any_database.query("SELECT * FROM here") == [(1,), (1,)]


def test_a_block_without_a_commit_fails() -> None:
    """A test that never reaches its COMMIT cannot pass by accident."""
    engine = create_engine("sqlite://")
    with pytest.raises(AssertionError, match="No COMMIT happened"), fail_next_commit(engine):
        pass
    with pytest.raises(AssertionError, match="No COMMIT happened"), lose_next_commit_reply(engine):
        pass


def test_an_error_in_the_block_is_not_hidden() -> None:
    """What the block raises comes out, not the missing COMMIT."""
    with pytest.raises(ZeroDivisionError), fail_next_commit(create_engine("sqlite://")):
        _ = 1 / 0


def test_several_engines_are_refused() -> None:
    """With two engines, which COMMIT is meant has to be said."""

    class Config:
        def get_engine(self) -> Engine:
            return create_engine("sqlite://")

    class Alchemy:
        config = (Config(), Config())

    with pytest.raises(ValueError, match="one of the 2 engines"), fail_next_commit(Alchemy()):
        pass
