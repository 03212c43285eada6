"""What MariaDB refuses, and how it loses a connection, as its clients are told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import pymysql
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tests import asgi
from tests.engines.database import Database
from tests.engines.mariadb import MariaDBServer
from tests.recording import Recording
from tests.transaction.rig import Rig, opened
from tests.transaction.store import Item, Store
from tests.transaction.test_commit_failures import add, assert_problem, behind_proxy, serve

Handler = Callable[[AsyncSession], Awaitable[None]]

TABLES = (
    "CREATE TABLE owner (id int PRIMARY KEY)",
    """
    CREATE TABLE kept (
        id int PRIMARY KEY DEFAULT 0, needed int NOT NULL, owner int REFERENCES owner (id),
        amount int CHECK (amount > 0), word varchar(3), small tinyint, day date, kind enum('a'),
        big bigint DEFAULT 9223372036854775807, data json, identity uuid
    )
    """,
    "INSERT INTO owner VALUES (1)",
    "INSERT INTO kept (id, needed, owner) VALUES (1, 1, 1)",
)
LOCK = "SELECT * FROM item WHERE id = 1000 FOR UPDATE"


def server_of(rig: Rig) -> MariaDBServer:
    """Return the server that a rig is on."""
    server = rig.store.database.server
    assert isinstance(server, MariaDBServer)
    return server


@pytest.fixture(scope="module")
def tables(mariadb_store: Store) -> Generator[None]:
    """Create tables whose every column can be given a wrong value."""
    for statement in TABLES:
        mariadb_store.database.query(statement)
    yield
    mariadb_store.database.query("DROP TABLE kept")
    mariadb_store.database.query("DROP TABLE owner")


async def answer(rig: Rig, *statements: str, **values: Any) -> Recording:
    """Return the answer to a request that adds an item and runs statements."""

    async def execute(session: AsyncSession) -> None:
        await add(session)
        for statement in statements:
            await session.execute(text(statement), values)

    serve(rig, execute)
    recording = await rig.call()
    rig.assert_clean(recording)
    return recording


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("INSERT INTO kept (id, needed) VALUES (1, 1)", 409, "unique-violation"),
        ("INSERT INTO kept (needed, owner) VALUES (1, 2)", 409, "foreign-key-violation"),
        ("DELETE FROM owner", 409, "foreign-key-violation"),
        ("INSERT INTO kept (needed, amount) VALUES (1, 0)", 422, "check-violation"),
        ("INSERT INTO kept (needed, data) VALUES (1, '{')", 422, "check-violation"),
        ("INSERT INTO kept (needed) VALUES (NULL)", 422, "not-null-violation"),
        ("INSERT INTO kept (amount) VALUES (1)", 422, "not-null-violation"),
        ("INSERT INTO kept (needed, word) VALUES (1, 'long')", 422, "invalid-value"),
        ("INSERT INTO kept (needed, small) VALUES (1, 128)", 422, "invalid-value"),
        ("INSERT INTO kept (needed, small) VALUES (1, 'x')", 422, "invalid-value"),
        ("INSERT INTO kept (needed, word) VALUES (1, 0xff)", 422, "invalid-value"),
        ("INSERT INTO kept (needed, day) VALUES (1, '2024-02-30')", 422, "invalid-value"),
        ("INSERT INTO kept (needed, kind) VALUES (1, 'b')", 422, "invalid-value"),
        ("INSERT INTO kept (needed, identity) VALUES (1, 'x')", 422, "invalid-value"),
        ("UPDATE kept SET big = big + 1", 422, "invalid-value"),
        ("UPDATE kept SET day = '9999-12-31' + INTERVAL 1 DAY", 422, "invalid-value"),
        ("SET STATEMENT max_statement_time = 0.05 FOR SELECT sleep(5)", 504, "statement-timeout"),
        ("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021", 503, "database-unavailable"),
        ("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114", 503, "database-unavailable"),
    ],
)
async def test_a_refused_statement_is_answered_by_its_number(
    mariadb_rig: Rig, statement: str, status: int, code: str
) -> None:
    """The number of the error decides, and what was written before is undone."""
    assert_problem(await answer(mariadb_rig, statement), status, code)
    assert mariadb_rig.store.names == set()


async def test_a_value_that_no_packet_can_hold_is_the_clients(mariadb_rig: Rig) -> None:
    """The server says so and hangs up; the answer is a 422, and the next request works."""
    names = iter(["x" * 2**24, "short"])

    async def add_long(session: AsyncSession) -> None:
        await session.execute(text("SELECT 1"))
        session.add(Item(name=next(names)))

    serve(mariadb_rig, add_long)
    assert_problem(await mariadb_rig.call(), 422, "invalid-value")
    assert (await mariadb_rig.call()).status == 201
    assert mariadb_rig.store.names == {"short"}


async def test_a_query_that_is_killed_took_too_long(mariadb_rig: Rig) -> None:
    """`KILL QUERY`, as operators and watchdogs use it, ends the statement alone."""

    def kill(identity: int) -> None:
        server_of(mariadb_rig).execute(f"KILL QUERY {identity}")

    async def sleep(session: AsyncSession) -> None:
        await add(session)
        identity = await session.scalar(text("SELECT connection_id()"))
        asyncio.get_running_loop().call_later(0.1, kill, identity)
        await session.execute(text("DELETE FROM item WHERE sleep(5)"))

    serve(mariadb_rig, sleep)
    assert_problem(await mariadb_rig.call(), 504, "statement-timeout")
    assert mariadb_rig.store.names == set()


async def test_a_row_that_is_locked_is_not_waited_for_twice(mariadb_rig: Rig) -> None:
    """A lock that outlasts the wait is a 503 with Retry-After."""
    with closing(server_of(mariadb_rig).connect(mariadb_rig.store.database.name)) as other:
        other.begin()
        other.cursor().execute(LOCK)
        recording = await answer(mariadb_rig, f"{LOCK} NOWAIT")
    assert_problem(recording, 503, "lock-timeout")
    assert recording.headers["retry-after"] == "1"
    assert mariadb_rig.store.names == set()


async def test_a_deadlock_may_be_repeated(mariadb_rig: Rig) -> None:
    """Two requests lock what the other waits for: one commits, the other gets 503."""
    query = mariadb_rig.store.database.query
    query("INSERT INTO item (id, name) VALUES (1, 'a'), (2, 'b')")
    both = asyncio.Barrier(2)
    turns = iter([(1, 2), (2, 1)])

    async def cross(session: AsyncSession) -> None:
        first, second = next(turns)
        for number in (first, second):
            update = text("UPDATE item SET name = concat(name, 'x') WHERE id = :id")
            await session.execute(update, {"id": number})
            if number == first:
                await both.wait()

    serve(mariadb_rig, cross)
    answers = await asyncio.gather(mariadb_rig.call(), mariadb_rig.call())
    refused = max(answers, key=lambda one: one.status)
    assert sorted(one.status for one in answers) == [201, 503]
    assert refused.json["type"].endswith(":serialization-failure")
    assert refused.headers["retry-after"] == "1"
    assert mariadb_rig.store.names == {"ax", "bx"}


async def test_a_swallowed_deadlock_is_no_success(mariadb_rig: Rig) -> None:
    """It undid the whole transaction, on which a COMMIT would succeed."""
    query = mariadb_rig.store.database.query
    query("INSERT INTO item (id, name) VALUES (1, 'a'), (2, 'b')")
    with closing(server_of(mariadb_rig).connect(mariadb_rig.store.database.name)) as other:
        other.begin()
        # Of two transactions MariaDB undoes the one that changed less.
        for number in range(10):
            other.cursor().execute(f"INSERT INTO item (name) VALUES ('more {number}')")
        other.cursor().execute("UPDATE item SET name = 'other' WHERE id = 2")

        async def swallow(session: AsyncSession) -> None:
            await session.execute(text("UPDATE item SET name = 'mine' WHERE id = 1"))
            crossing = asyncio.to_thread(
                other.cursor().execute, "UPDATE item SET name = 'other too' WHERE id = 1"
            )
            waiting = asyncio.create_task(crossing)
            await asyncio.sleep(0.1)
            with suppress(DBAPIError):
                await session.execute(text("UPDATE item SET name = 'mine too' WHERE id = 2"))
            await waiting

        serve(mariadb_rig, swallow)
        recording = await mariadb_rig.call()
    assert_problem(recording, 503, "serialization-failure")
    assert mariadb_rig.store.names == {"a", "b"}


@asynccontextmanager
async def connected_with(database: Database, **connect_args: str) -> AsyncGenerator[Store]:
    """Give a store whose connections are made with options of their own."""
    engine = create_async_engine(database.url, connect_args=connect_args)
    store = Store(database, engine)
    yield store
    await store.dispose()


async def test_a_change_since_the_snapshot_may_be_repeated(mariadb_store: Store) -> None:
    """With `innodb_snapshot_isolation` a lost update is refused: 503, and the change is there."""
    command = "SET innodb_snapshot_isolation = ON"
    async with connected_with(mariadb_store.database, init_command=command) as store:
        with opened(store) as rig:

            async def update_what_was_read(session: AsyncSession) -> None:
                await session.scalar(text("SELECT name FROM item"))
                rig.store.database.query("UPDATE item SET name = 'changed'")
                await session.execute(text("UPDATE item SET name = 'lost'"))

            serve(rig, update_what_was_read)
            recording = await rig.call()
            assert_problem(recording, 503, "serialization-failure")
            assert rig.store.names == {"changed"}


async def test_a_wait_that_undoes_everything_is_no_success(mariadb: MariaDBServer) -> None:
    """A server may be set to undo the whole transaction, not the statement: the answer knows."""
    server = MariaDBServer(mariadb.binaries, {"innodb-rollback-on-timeout": "ON"})
    with closing(server), server.fresh_database() as name:
        database = Database.mariadb("asyncmy", server, name)
        async with connected_with(database) as store:
            await store.prepare()
            with opened(store) as rig, closing(server.connect(name)) as other:
                other.begin()
                other.cursor().execute(LOCK)

                async def swallow(session: AsyncSession) -> None:
                    await add(session)
                    with suppress(DBAPIError):
                        await session.execute(text(f"{LOCK} NOWAIT"))

                serve(rig, swallow)
                recording = await rig.call()
                other.rollback()
                assert_problem(recording, 503, "lock-timeout")
                assert rig.store.names == set()


async def test_a_wait_that_undoes_the_statement_loses_nothing(mariadb_rig: Rig) -> None:
    """By default the transaction goes on, and what was written in it is committed."""
    with closing(server_of(mariadb_rig).connect(mariadb_rig.store.database.name)) as other:
        other.begin()
        other.cursor().execute(LOCK)

        async def swallow(session: AsyncSession) -> None:
            await add(session)
            with suppress(DBAPIError):
                await session.execute(text(f"{LOCK} NOWAIT"))

        serve(mariadb_rig, swallow)
        recording = await mariadb_rig.call()
    assert recording.status == 201
    assert mariadb_rig.store.names == {"new"}


async def test_a_reply_that_cannot_be_read_is_an_unknown_outcome(mariadb_store: Store) -> None:
    """What the driver raises itself tells nothing of the COMMIT, and its connection is useless."""
    async with behind_proxy(mariadb_store) as (proxy, rig):
        lost: list[Any] = []
        event.listen(rig.store.sync_engine, "invalidate", lambda *found: lost.append(found))

        async def add_and_spoil(session: AsyncSession) -> None:
            await add(session)
            # One byte long, and the ninth packet of an exchange that has had one.
            proxy.lose_reply(b"COMMIT", silent=True, instead=b"\x01\x00\x00\x09\x00")

        serve(rig, add_and_spoil)
        recording = await rig.call()
        assert_problem(recording, 500, "commit-outcome-unknown")
        assert rig.store.names == {"new"}
        assert len(lost) == 1


async def test_a_server_that_is_full_is_unavailable(mariadb_rig: Rig) -> None:
    """A connection that is refused for want of room is a 503 with Retry-After."""
    server = server_of(mariadb_rig)
    (limit,) = server.execute("SELECT @@max_connections")[0]
    await mariadb_rig.store.dispose()
    server.execute("SET GLOBAL max_connections = 10")
    others = []
    try:
        with suppress(pymysql.OperationalError):
            while True:
                others.append(server.connect())
        serve(mariadb_rig, add)
        recording = await asgi.request(mariadb_rig.app, "POST")
    finally:
        others[0].cursor().execute(f"SET GLOBAL max_connections = {limit}")
        for other in others:
            other.close()
    assert_problem(recording, 503, "database-unavailable")
    assert recording.headers["retry-after"] == "1"


async def test_a_server_that_is_away_is_unavailable(mariadb_store: Store) -> None:
    """Nobody listens: a 503, and the next request after it has come back works."""
    async with behind_proxy(mariadb_store) as (proxy, rig):
        serve(rig, add)
        await proxy.__aexit__()
        recording = await rig.call()
        assert_problem(recording, 503, "database-unavailable")
        assert rig.store.names == set()
