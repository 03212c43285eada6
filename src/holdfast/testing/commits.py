"""COMMITs that fail, in the two ways that matter: undone, or done and the answer lost."""

import importlib
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.engine import Dialect

from holdfast.testing.engines import HasEngine, sync_engines

__all__ = ("fail_next_commit", "lose_next_commit_reply")

_UNDONE = "could not serialize access due to read/write dependencies among transactions"
_LOST = "server closed the connection unexpectedly"
_DEADLOCK = 1213, "Deadlock found when trying to get lock; try restarting transaction"
_LOST_BY_MYSQL = 2013, "Lost connection to MySQL server during query"


@contextmanager
def fail_next_commit(target: HasEngine, error: Exception | None = None) -> Generator[None]:
    """Let the next COMMIT be refused: the transaction is rolled back, and the driver raises.

        with fail_next_commit(engine):
            response = await client.post("/authors", json={"name": "x"})
        assert response.status_code == 503  # on PostgreSQL, where this error may be retried

    The error is raised where the driver would raise it, so SQLAlchemy wraps it and its
    `handle_error` listeners see it. Commits after the first go through.

    Args:
        target: An engine, a session bound to one, a configuration, or an `AdvancedAlchemy` with
            a single one.
        error: What the driver raises, an instance of the driver's own class. By default a
            serialization failure on PostgreSQL, a deadlock on MariaDB and MySQL, and a full disk
            on SQLite.

    Raises:
        AssertionError: Nothing was committed within the block, so nothing was tested.
    """

    def refuse(dialect: Dialect, connection: Any) -> None:
        dialect.do_rollback(connection)
        _raise_as_driver(connection, _refusal(dialect) if error is None else error)

    with _next_commit(target, refuse):
        yield


@contextmanager
def lose_next_commit_reply(target: HasEngine, error: Exception | None = None) -> Generator[None]:
    """Let the next COMMIT take effect, but the connection break before its answer arrives.

    The application cannot know whether it committed. SQLAlchemy sees a disconnect: the connection
    is invalidated and the pool replaces it. An in-memory SQLite database goes with its connection.

    Args:
        target: As for `fail_next_commit`.
        error: What the driver raises, an instance of the driver's own class; by default what it
            raises when the server closes the connection.

    Raises:
        AssertionError: Nothing was committed within the block, so nothing was tested.
    """

    def lose(dialect: Dialect, connection: Any) -> None:
        # Taken from the class: the engine's own attribute is what is being replaced.
        type(dialect).do_commit(dialect, connection)
        _break(dialect, connection)
        _raise_as_driver(connection, _loss(dialect) if error is None else error)

    with _next_commit(target, lose):
        yield


@contextmanager
def _next_commit(target: HasEngine, instead: Callable[[Dialect, Any], None]) -> Generator[None]:
    dialect = _only_engine(target).dialect
    # Each engine has a dialect of its own, whose instance attributes come before its methods.
    attributes = vars(dialect)
    replaced = attributes.get("do_commit")
    commit = dialect.do_commit
    happened = False

    def do_commit(connection: Any) -> None:
        nonlocal happened
        if happened:
            commit(connection)
            return
        happened = True
        instead(dialect, connection)

    attributes["do_commit"] = do_commit
    try:
        yield
    finally:
        del attributes["do_commit"]
        if replaced is not None:
            attributes["do_commit"] = replaced
    if not happened:
        raise AssertionError("No COMMIT happened within the block, so none failed.")


def _only_engine(target: HasEngine) -> Engine:
    engines = sync_engines(target)
    if len(engines) != 1:
        raise ValueError(f"Name one of the {len(engines)} engines: their COMMITs are separate.")
    return engines[0]


def _raise_as_driver(connection: Any, error: Exception) -> None:
    # SQLAlchemy's asyncio adapters translate what their drivers raise. The adapter's own
    # translation is called here, so that an error looks as it does when the driver raised it.
    translate = getattr(connection.dbapi_connection, "_handle_exception", None)
    if translate is not None:
        translate(error)
    raise error


def _refusal(dialect: Dialect) -> Exception:
    match dialect.driver:
        case "asyncpg":
            return _exception("asyncpg", "SerializationError", _UNDONE)
        case "psycopg" | "psycopg_async":
            return _exception("psycopg.errors", "SerializationFailure", _UNDONE)
        case "pysqlite" | "aiosqlite":
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode, full.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
            return full
        case "asyncmy":
            deadlock: Any = _exception("asyncmy.errors", "OperationalError", *_DEADLOCK)
            deadlock.sqlstate = "40001"
            return cast("Exception", deadlock)
        case _:
            error: Exception = dialect.loaded_dbapi.OperationalError(_UNDONE)
            return error


def _loss(dialect: Dialect) -> Exception:
    match dialect.driver:
        case "asyncpg":
            message = "connection was closed in the middle of operation"
            return _exception("asyncpg", "ConnectionDoesNotExistError", message)
        case "psycopg" | "psycopg_async":
            return _exception("psycopg", "OperationalError", _LOST)
        case "pysqlite":
            return sqlite3.ProgrammingError("Cannot operate on a closed database.")
        case "aiosqlite":
            return sqlite3.OperationalError("no active connection")
        case "asyncmy":
            return _exception("asyncmy.errors", "OperationalError", *_LOST_BY_MYSQL)
        case _:
            error: Exception = dialect.loaded_dbapi.OperationalError(_LOST)
            return error


def _exception(module: str, name: str, *arguments: object) -> Exception:
    error: Exception = getattr(importlib.import_module(module), name)(*arguments)
    return error


def _break(dialect: Dialect, connection: Any) -> None:
    """Close the driver's socket, by which the dialect recognises a disconnect."""
    match dialect.driver:
        case "asyncpg":
            connection.driver_connection.terminate()
        case "psycopg" | "psycopg_async":
            connection.driver_connection.pgconn.finish()
        case "asyncmy":
            connection.driver_connection.close()
        case _:
            pass  # recognised by the error alone
