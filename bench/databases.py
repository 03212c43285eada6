"""The databases that are measured: private, filled alike, one for each side."""

import shutil
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from psycopg import sql
from sqlalchemy import create_engine, func, insert, make_url, select

from bench.operations import ROWS, author_id
from bench.sides.authors import Author
from tests.engines.postgres import SETTINGS, PostgresServer, find_binaries

__all__ = ("CONNECTIONS", "ENGINES", "Databases", "count_authors", "databases")

CONNECTIONS = 16
"""Clients at a time, and connections of each side: nobody waits for the pool."""

ENGINES = ("postgresql", "sqlite")


@dataclass(frozen=True, slots=True)
class Databases:
    """A running engine.

    Attributes:
        version: Its version.
        copy: Makes a database of a given name, filled, and returns its URL.
    """

    version: str
    copy: Callable[[str], str]


_SYLLABLES = ("an", "ber", "cor", "del", "er", "fin", "gor", "hal", "is", "jun")
_FIRST_DAY = datetime(2024, 1, 1, 12, 30, tzinfo=UTC)


@contextmanager
def databases(engine: str) -> Generator[Databases]:
    """Start an engine, and stop it at the end.

    Args:
        engine: One of ``ENGINES``.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    with _postgresql() if engine == "postgresql" else _sqlite() as found:
        yield found


def count_authors(url: str) -> int:
    """Count what is committed, on a connection of its own."""
    engine = create_engine(_sync(url))
    with engine.connect() as connection:
        number = connection.scalar(select(func.count()).select_from(Author))
    engine.dispose()
    return number or 0


@contextmanager
def _postgresql() -> Generator[Databases]:
    binaries = find_binaries()
    if binaries is None:
        raise FileNotFoundError(
            "PostgreSQL is not installed: `apt-get install postgresql`, or measure SQLite alone "
            "with `--engine sqlite`."
        )
    # The servers of all sides are up together, each with a full pool.
    SETTINGS["max_connections"] = "120"
    server = PostgresServer(binaries)
    try:
        with server.connect() as admin:
            version = (admin.info.parameter_status("server_version") or "").split()[0]
            admin.execute("CREATE DATABASE seed")
        _fill(server.url("asyncpg", "seed"))

        def copy(side: str) -> str:
            command = sql.SQL("CREATE DATABASE {} TEMPLATE seed").format(sql.Identifier(side))
            with server.connect() as admin:
                admin.execute(command)
            with server.connect(side) as admin:
                admin.execute("VACUUM ANALYZE")
            return server.url("asyncpg", side)

        yield Databases(version, copy)
    finally:
        server.close()


@contextmanager
def _sqlite() -> Generator[Databases]:
    with TemporaryDirectory(prefix="holdfast-bench-") as folder:
        seed = Path(folder, "seed.sqlite")
        _fill(f"sqlite+aiosqlite:///{seed}")

        def copy(side: str) -> str:
            return f"sqlite+aiosqlite:///{shutil.copy(seed, seed.with_stem(side))}"

        yield Databases(sqlite3.sqlite_version, copy)


def _fill(url: str) -> None:
    engine = create_engine(_sync(url))
    Author.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(Author), [_author(number) for number in range(ROWS)])
    engine.dispose()


def _author(number: int) -> dict[str, Any]:
    name = "".join(_SYLLABLES[int(digit)] for digit in f"{number:03}").title()
    created = _FIRST_DAY + timedelta(minutes=7 * number)
    return {
        "id": author_id(number),
        "name": name,
        "email": f"{name.lower()}@example.org",
        "born": date(1900, 1, 1) + timedelta(days=31 * number),
        "biography": f"{name} wrote {number} books. " * 4,
        "created_at": created,
        "updated_at": created,
    }


def _sync(url: str) -> str:
    drivers = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
    parsed = make_url(url)
    sync = parsed.set(drivername=drivers[parsed.get_backend_name()])
    return sync.render_as_string(hide_password=False)
