"""SQLite set up through an option of the config, whichever way the engine came about."""

from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from holdfast import AdvancedAlchemy, SQLitePragmas
from holdfast.testing import client
from tests.engines.database import Database
from tests.wiring.authors import Book, any_config

SQLITE = pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
NAMES = ("foreign_keys", "journal_mode", "busy_timeout", "synchronous")


async def pragmas(config: Any, *, is_async: bool) -> list[Any]:
    """Return the settings that a new session's connection has."""
    alchemy = AdvancedAlchemy(config)
    statements = [text(f"PRAGMA {name}") for name in NAMES]
    if is_async:
        async with alchemy.session() as session:
            found = [(await session.execute(statement)).scalar() for statement in statements]
    else:
        with alchemy.session() as sync_session:
            found = [sync_session.execute(statement).scalar() for statement in statements]
    await alchemy.on_shutdown()
    return found


@SQLITE
async def test_the_defaults_are_those_of_a_server(any_database: Database) -> None:
    """Without arguments: foreign keys, a write-ahead log, five seconds of patience, full sync."""
    config = any_config(
        any_database.url, is_async=any_database.is_async, sqlite_pragmas=SQLitePragmas()
    )
    assert await pragmas(config, is_async=any_database.is_async) == [1, "wal", 5000, 2]


@SQLITE
async def test_each_pragma_can_be_chosen(any_database: Database) -> None:
    """Every setting is the one that was asked for."""
    chosen = SQLitePragmas(
        foreign_keys=False, journal_mode="TRUNCATE", busy_timeout=0.25, synchronous="NORMAL"
    )
    config = any_config(any_database.url, is_async=any_database.is_async, sqlite_pragmas=chosen)
    assert await pragmas(config, is_async=any_database.is_async) == [0, "truncate", 250, 1]


@SQLITE
async def test_without_the_option_nothing_is_set(any_database: Database) -> None:
    """A config that does not mention pragmas leaves SQLite's own defaults, as upstream does."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    assert (await pragmas(config, is_async=any_database.is_async))[:2] == [0, "delete"]


@SQLITE
async def test_a_given_engine_is_set_up_too(any_database: Database) -> None:
    """An engine that the application made gets the pragmas as one made here."""
    make: Any = create_async_engine if any_database.is_async else create_engine
    config = any_config(
        None,
        is_async=any_database.is_async,
        engine_instance=make(any_database.url),
        sqlite_pragmas=SQLitePragmas(),
    )
    assert await pragmas(config, is_async=any_database.is_async) == [1, "wal", 5000, 2]


@SQLITE
async def test_every_connection_is_set_up(any_database: Database) -> None:
    """Pragmas hold for connections opened after a shutdown, too."""
    config = any_config(
        any_database.url, is_async=any_database.is_async, sqlite_pragmas=SQLitePragmas()
    )
    for _ in range(2):
        assert (await pragmas(config, is_async=any_database.is_async))[0] == 1


async def test_other_databases_ignore_them(postgres_database: Database) -> None:
    """The option does no harm on PostgreSQL, so one config serves both."""
    config = any_config(
        postgres_database.url, is_async=postgres_database.is_async, sqlite_pragmas=SQLitePragmas()
    )
    await config.on_startup()
    assert postgres_database.query("SELECT count(*) FROM wiring_author") == [(0,)]
    await config.on_shutdown()


async def test_a_dangling_reference_is_a_conflict(tmp_path: Path) -> None:
    """With foreign keys on, a reference to nothing fails at COMMIT and is answered with 409."""
    app = FastAPI()
    config = any_config(
        f"sqlite+aiosqlite:///{tmp_path}/test.sqlite",
        is_async=True,
        sqlite_pragmas=SQLitePragmas(),
    )
    alchemy = AdvancedAlchemy(config, app)

    @app.post("/", status_code=201)
    async def create(session: Annotated[Any, Depends(alchemy.provide_session())]) -> None:
        session.add(Book(author_id=uuid4()))

    async with client(app) as http:
        answer = await http.post("/")
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:holdfast:problem:foreign-key-violation",
    )
