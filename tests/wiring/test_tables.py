"""Creating tables at start-up: by several processes at once, off the event loop, or not at all."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, OperationalError

from holdfast import AdvancedAlchemy
from holdfast.testing import client, count_statements
from holdfast.testing.engines import sync_engines
from holdfast.wiring.sessions import AnyConfig
from tests.engines.database import Database
from tests.wiring.authors import Author, any_config, async_config, sync_config

WORKERS = 4
# A server's worker: it is ready, waits for the starting shot, starts, and stores an author.
WORKER = """
import asyncio, sys
from holdfast import SQLitePragmas
from tests.wiring.authors import Author, async_config

async def start():
    config = async_config(sys.argv[1], sqlite_pragmas=SQLitePragmas())
    await config.on_startup()
    async with config.create_session_maker()() as session:
        session.add(Author(name=sys.argv[2]))
        await session.commit()
    await config.on_shutdown()

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(start())
"""


def start_worker(url: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url, name],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("async_database", ["aiosqlite", "asyncpg", "asyncmy"], indirect=True)
def test_four_workers_start_at_once(async_database: Database) -> None:
    """Four processes that create the same tables at the same moment all start."""
    workers = [start_worker(async_database.url, str(number)) for number in range(WORKERS)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    errors = [worker.communicate(timeout=30)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS, errors
    assert async_database.query("SELECT count(*) FROM wiring_author") == [(WORKERS,)]


async def test_without_the_option_nothing_is_created(any_database: Database) -> None:
    """A config without `create_all` sends no statement at start-up."""
    config = any_config(any_database.url, is_async=any_database.is_async, create_all=False)
    with count_statements(config) as statements:
        await config.on_startup()
    assert statements == []
    await config.on_shutdown()


async def test_creating_again_changes_nothing(any_database: Database) -> None:
    """A start over tables that are there keeps their rows."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    await config.on_startup()
    # MariaDB keeps the 16 bytes that it is given.
    binary = "x" if any_database.is_mariadb else ""
    insert = "INSERT INTO wiring_author (id, name, sa_orm_sentinel) VALUES ({}, 'Lem', NULL)"
    any_database.query(insert.format(f"{binary}'6b1e2b3c00004000800000000000000a'"))
    await config.on_startup()
    assert any_database.query("SELECT name FROM wiring_author") == [("Lem",)]
    await config.on_shutdown()


async def test_tables_follow_their_bind_key(any_database: Database) -> None:
    """A database with a bind key of its own gets the tables of that key, and no others."""
    config = any_config(any_database.url, is_async=any_database.is_async, bind_key="reports")
    await config.on_startup()
    assert any_database.query("SELECT count(*) FROM wiring_report") == [(0,)]
    with pytest.raises(Exception, match="wiring_author"):
        any_database.query("SELECT count(*) FROM wiring_author")
    await config.on_shutdown()


@pytest.mark.parametrize("kind", ["sqlite+aiosqlite", "sqlite"])
async def test_refused_tables_stop_the_start(tmp_path: Path, kind: str) -> None:
    """An application whose tables cannot be created does not start."""
    file = Database.sqlite("pysqlite", tmp_path / "test.sqlite")
    file.query("CREATE TABLE other (id INTEGER)")
    url = f"{kind}:///file:{file.name}?mode=ro&uri=true"
    app = FastAPI()
    AdvancedAlchemy(any_config(url, is_async="aiosqlite" in kind), app)
    with pytest.raises(OperationalError, match="readonly database"):
        async with client(app):
            pass


async def test_a_missing_server_stops_the_start() -> None:
    """An application whose database cannot be reached does not start."""
    app = FastAPI()
    AdvancedAlchemy(async_config("postgresql+psycopg://x@127.0.0.1:1/x"), app)
    with pytest.raises(OperationalError, match="refused"):
        async with client(app):
            pass


async def test_a_sync_database_is_created_off_the_event_loop(sync_database: Database) -> None:
    """A sync driver connects and creates in a worker thread; the event loop stays free."""
    config = sync_config(sync_database.url)
    threads: set[int] = set()
    for moment in ("do_connect", "before_cursor_execute"):
        event.listen(
            config.get_engine(), moment, lambda *_, **__: threads.add(threading.get_ident())
        )
    await config.on_startup()
    assert threads
    assert threading.get_ident() not in threads
    await config.on_shutdown()


def lose_race(config: AnyConfig, error: Exception, times: int) -> list[str]:
    """Let the first statements of a config's engine fail as if another process had been first."""
    (engine,) = sync_engines(config)
    lost: list[str] = []

    def fail(*arguments: Any) -> None:
        if len(lost) < times:
            lost.append(arguments[2])
            raise DBAPIError(arguments[2], None, error)

    event.listen(engine, "before_cursor_execute", fail)
    return lost


async def test_a_lost_race_is_repeated(async_url: str) -> None:
    """When another process made a table in between, the creation looks again and goes on."""
    config = async_config(async_url)
    lost = lose_race(config, Exception("relation wiring_author already exists"), times=1)
    await config.on_startup()
    assert len(lost) == 1
    async with config.create_session_maker()() as session:
        assert (await session.scalars(select(Author))).all() == []
    await config.on_shutdown()


async def test_a_race_lost_for_ever_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A creation that goes on failing stops the start after a few attempts."""
    monkeypatch.setattr("holdfast.wiring.tables._PAUSES", (0.0, 0.0))
    config = sync_config()
    lost = lose_race(config, Exception("table wiring_author already exists"), times=10)
    with pytest.raises(DBAPIError, match="already exists"):
        await config.on_startup()
    assert len(lost) == 3
    await config.on_shutdown()


async def test_another_error_is_not_repeated() -> None:
    """A creation that is refused for good stops the start at once."""
    config = sync_config()
    lost = lose_race(config, Exception("permission denied"), times=10)
    with pytest.raises(DBAPIError, match="permission denied"):
        await config.on_startup()
    assert len(lost) == 1
    await config.on_shutdown()


async def test_postgres_creates_for_one_process_at_a_time(postgres_database: Database) -> None:
    """On PostgreSQL the creation waits for its turn before it looks at any table."""
    config = any_config(postgres_database.url, is_async=postgres_database.is_async)
    with count_statements(config) as statements:
        await config.on_startup()
    assert next(sql for sql in statements if "wiring_author" in sql or "pg_advisory" in sql) == (
        "SELECT pg_advisory_xact_lock(1752132708)"
    )
    await config.on_shutdown()
