"""The primary and its standby: what is copied, what a COMMIT waits for, and who survives whom."""

import threading
from collections.abc import Generator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.engines.postgres import PostgresServer
from tests.engines.postgres_pair import PostgresPair

COUNT = "SELECT count(*) FROM here"


@pytest.fixture
def pair(postgres: PostgresServer, request: pytest.FixtureRequest) -> Generator[PostgresPair]:
    pair = PostgresPair(postgres.binaries, synchronous=getattr(request, "param", None))
    with pair.primary.connect() as connection:
        connection.execute("CREATE TABLE here (id int)")
    try:
        yield pair
    finally:
        pair.close()


def rows_on(server: PostgresServer) -> int:
    with server.connect() as connection:
        (count,) = connection.execute(COUNT).fetchone() or (0,)
        return int(count)


def insert_on(server: PostgresServer) -> None:
    with server.connect() as connection:
        connection.execute("INSERT INTO here VALUES (1)")


synchronous = pytest.mark.parametrize("pair", ["remote_apply"], indirect=True)


def test_a_standby_follows_and_refuses_to_write(pair: PostgresPair) -> None:
    """What is committed on the primary can be read on the standby, and not written there."""
    insert_on(pair.primary)
    pair.catch_up()
    assert rows_on(pair.standby) == 1
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        insert_on(pair.standby)


def test_a_paused_standby_is_stale(pair: PostgresPair) -> None:
    """Reads on it see the past until it may catch up."""
    insert_on(pair.primary)
    pair.catch_up()
    pair.pause_replay()
    insert_on(pair.primary)
    assert (rows_on(pair.primary), rows_on(pair.standby)) == (2, 1)
    pair.resume_replay()
    pair.catch_up()
    assert rows_on(pair.standby) == 2


@synchronous
def test_a_synchronous_commit_waits_for_the_standby(pair: PostgresPair) -> None:
    """No COMMIT returns before the standby shows what it wrote."""
    pair.pause_replay()
    commit = threading.Thread(target=insert_on, args=[pair.primary])
    commit.start()
    commit.join(0.3)
    assert commit.is_alive()
    pair.resume_replay()
    commit.join(10)
    assert rows_on(pair.standby) == 1


@synchronous
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_engine_follows_a_failover(pair: PostgresPair, driver: str) -> None:
    """The primary is lost, the standby promoted: the same engine writes there, beside what was."""
    engine = create_async_engine(pair.url(driver))
    insert = text("INSERT INTO here VALUES (1)")
    async with engine.begin() as connection:
        await connection.execute(insert)
    pair.kill_primary()
    pair.promote()
    with pytest.raises(DBAPIError):
        async with engine.begin() as connection:
            await connection.execute(insert)
    async with engine.begin() as connection:
        await connection.execute(insert)
    await engine.dispose()
    assert rows_on(pair.standby) == 2


def test_both_have_the_settings_they_were_given(postgres: PostgresServer) -> None:
    """What differs from the tests' own settings reaches primary and standby."""
    pair = PostgresPair(postgres.binaries, settings={"fsync": "on"})
    try:
        for server in (pair.primary, pair.standby):
            with server.connect() as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("on",)
    finally:
        pair.close()
