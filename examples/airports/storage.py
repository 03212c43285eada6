"""The database file: is it there, is it ours, is it whole, can it be written?

Two numbers in a SQLite file's header answer that. ``application_id`` marks the file as one of
this service. ``user_version`` is set by the very transaction that loads the airports, so it says
that the load is complete, however a load that was cut short had ended.
"""

import sqlite3
from contextlib import closing
from enum import Enum
from pathlib import Path

__all__ = ("DATA_VERSION", "StartupError", "State", "prepare")

APPLICATION_ID = int.from_bytes(b"APRT", "big")
DATA_VERSION = 2

ANOTHER_FILE = "name another file with AIRPORTS_DB=<path>"


class StartupError(Exception):
    """Raised when the service cannot start; says what is wrong and what to do."""


class State(Enum):
    """What the database file holds."""

    NEW = "nothing yet"
    INTERRUPTED = "a load that did not finish"
    LOADED = "the airports"


def prepare(path: Path) -> State:
    """Make sure that the file can be used, creating it if need be.

    Args:
        path: Where the database is, or shall be.

    Returns:
        What the file holds; anything but ``LOADED`` is waiting for the airports.

    Raises:
        StartupError: The file is not a database of this service, is damaged, is in use by
            another load, or cannot be written.
    """
    try:
        if path.is_dir():
            raise StartupError(f"{path} is a folder, not a database file: {ANOTHER_FILE}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            # The lock makes this wait for a load that another process is at.
            connection.execute("BEGIN IMMEDIATE")
            state = _inspect(connection, path)
            # Written even where it is there already: a read-only file refuses only real writes.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("COMMIT")
    except OSError as error:
        raise StartupError(
            f"The folder {path.parent} cannot be used ({error.strerror}). "
            f"Give yourself permission, or {ANOTHER_FILE}."
        ) from error
    except sqlite3.Error as error:
        raise StartupError(_explain(error, path)) from error
    return state


def _inspect(connection: sqlite3.Connection, path: Path) -> State:
    application_id = _header(connection, "application_id")
    if application_id != APPLICATION_ID:
        if application_id or connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise StartupError(
                f"{path} is a SQLite database that this program did not make, "
                f"and stays untouched: {ANOTHER_FILE}."
            )
        return State.NEW
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise StartupError(_damaged(path))
    version = _header(connection, "user_version")
    if version not in (0, DATA_VERSION):
        raise StartupError(
            f"{path} holds data version {version}, this program reads version {DATA_VERSION}. "
            f"Delete it to load the airports again, or {ANOTHER_FILE}."
        )
    return State.LOADED if version else State.INTERRUPTED


def _header(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged. Restore a copy, or delete it to load the airports again "
        "without the changes made to them since."
    )


def _explain(error: sqlite3.Error, path: Path) -> str:
    match getattr(error, "sqlite_errorname", "").split("_")[:2]:
        case ["SQLITE", "NOTADB"]:
            return f"{path} is not a SQLite database, and stays untouched: {ANOTHER_FILE}."
        case ["SQLITE", "CORRUPT"]:
            return _damaged(path)
        case ["SQLITE", "BUSY"]:
            return (
                f"{path} is locked by another process. "
                "Wait until its load or its long write has ended, or stop it."
            )
        case ["SQLITE", "READONLY" | "CANTOPEN" | "PERM"]:
            return (
                f"{path} cannot be written ({error}). "
                f"Give yourself permission to write it and its folder, or {ANOTHER_FILE}."
            )
        case _:
            return f"{path} cannot be used ({error}): {ANOTHER_FILE}."
