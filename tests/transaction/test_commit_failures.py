"""COMMITs that a real server refuses, or whose fate it never tells."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.engines.proxy import Proxy
from tests.recording import Recording
from tests.transaction.rig import Rig, opened, until
from tests.transaction.store import Item, Store

Handler = Callable[[AsyncSession], Awaitable[None]]

TRIGGER = """
CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the secret is %%', NEW.name USING ERRCODE = '%s'; END $$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION fail_at_commit()
"""


def serve(rig: Rig, handler: Handler) -> None:
    """Give the application one route that writes."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await handler(session)


async def add(session: AsyncSession) -> None:
    """Write a row, without a mistake."""
    session.add(Item(name="new"))
    await session.flush()


def assert_problem(recording: Recording, status: int, code: str) -> None:
    """Check a problem answer, and that it gives nothing away."""
    assert (recording.status, recording.json["type"]) == (status, f"urn:holdfast:problem:{code}")
    assert recording.headers["content-type"] == "application/problem+json"
    assert recording.json["status"] == status
    for secret in (
        "item",
        "INSERT",
        "secret",
        "new",
        "psycopg",
        "asyncpg",
        "asyncmy",
        "Error",
        "sqlstate",
    ):
        assert secret not in recording.body.decode()


@asynccontextmanager
async def behind_proxy(store: Store, **options: Any) -> AsyncGenerator[tuple[Proxy, Rig]]:
    """Give a rig whose connections pass a proxy."""
    database = store.database
    assert database.server is not None
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(database.backend, database.name, port=proxy.port)
        proxied = Store(database, create_async_engine(url, pool_size=2, max_overflow=0))
        with opened(proxied, **options) as rig:
            yield proxy, rig
        await proxied.dispose()


@pytest.mark.parametrize(
    ("sqlstate", "status", "code"),
    [
        ("23505", 409, "unique-violation"),
        ("23503", 409, "foreign-key-violation"),
        ("23P01", 409, "exclusion-violation"),
        ("23514", 422, "check-violation"),
        ("23502", 422, "not-null-violation"),
        ("40001", 503, "serialization-failure"),
        ("40P01", 503, "serialization-failure"),
        ("55P03", 503, "lock-timeout"),
        ("53100", 503, "database-unavailable"),
        ("P0001", 500, "commit-failed"),
    ],
)
async def test_a_refused_commit_is_answered_by_its_sqlstate(
    postgres_rig: Rig, sqlstate: str, status: int, code: str
) -> None:
    """A deferred trigger refuses the COMMIT, and the problem fits the reason."""
    query = postgres_rig.store.database.query
    query(TRIGGER % sqlstate)
    serve(postgres_rig, add)
    try:
        recording = await postgres_rig.call()
    finally:
        query("DROP TRIGGER fail ON item")
        query("DROP FUNCTION fail_at_commit")
    assert_problem(recording, status, code)
    assert recording.headers.get("retry-after") == ("1" if status == 503 else None)
    assert recording.error is None
    assert postgres_rig.store.names == set()


async def test_a_serialization_failure_may_be_repeated(postgres_rig: Rig) -> None:
    """Two requests read what the other writes: one commits, the other gets 503 and Retry-After."""
    both = asyncio.Barrier(2)

    async def skew(session: AsyncSession) -> None:
        await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        count = await session.scalar(select(func.count()).select_from(Item))
        async with both:
            session.add(Item(name=f"new {count} {id(session)}"))
            await session.flush()
        await both.wait()

    serve(postgres_rig, skew)
    answers = await asyncio.gather(postgres_rig.call(), postgres_rig.call())
    assert sorted(answer.status for answer in answers) == [201, 503]
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.json["type"].endswith(":serialization-failure")
    assert refused.headers["retry-after"] == "1"
    assert len(postgres_rig.store.names) == 1


async def test_a_backend_killed_before_commit_is_no_success(server_rig: Rig) -> None:
    """The server ended the connection after the flush; nothing was committed, nothing is claimed.

    COMMIT is sent into the void, which cannot be told from one whose reply was lost.
    """
    server = server_rig.store.database.server
    assert server is not None

    async def write_and_die(session: AsyncSession) -> None:
        await add(session)
        await asyncio.to_thread(server.terminate_backends, server_rig.store.database.name)

    serve(server_rig, write_and_die)
    recording = await server_rig.call()
    assert_problem(recording, 500, "commit-outcome-unknown")
    assert server_rig.store.names == set()
    server_rig.assert_clean(recording)


async def test_a_backend_killed_before_flush_is_definite(server_rig: Rig) -> None:
    """A loss before COMMIT was sent is a definite no, which may be repeated."""
    server = server_rig.store.database.server
    assert server is not None

    async def read_and_die(session: AsyncSession) -> None:
        await session.scalar(select(func.count()).select_from(Item))
        await asyncio.to_thread(server.terminate_backends, server_rig.store.database.name)
        session.add(Item(name="new"))

    serve(server_rig, read_and_die)
    recording = await server_rig.call()
    assert_problem(recording, 503, "database-unavailable")
    assert recording.headers["retry-after"] == "1"
    assert server_rig.store.names == set()


async def test_a_loss_in_a_listener_before_commit_is_definite(server_rig: Rig) -> None:
    """A statement that fails inside `session.commit()` came before COMMIT was sent."""
    server = server_rig.store.database.server
    assert server is not None

    def die(session: Session) -> None:
        server.terminate_backends(server_rig.store.database.name)
        session.execute(text("SELECT 1"))

    async def listen(session: AsyncSession) -> None:
        await add(session)
        event.listen(session.sync_session, "before_commit", die)

    serve(server_rig, listen)
    recording = await server_rig.call()
    assert_problem(recording, 503, "database-unavailable")
    assert server_rig.store.names == set()


async def test_the_next_request_gets_a_fresh_connection(server_rig: Rig) -> None:
    """A killed connection is thrown away, not handed to the next request."""
    server = server_rig.store.database.server
    assert server is not None
    deaths = 1

    async def die_once(session: AsyncSession) -> None:
        nonlocal deaths
        await add(session)
        if deaths:
            deaths -= 1
            await asyncio.to_thread(server.terminate_backends, server_rig.store.database.name)

    serve(server_rig, die_once)
    assert [(await server_rig.call()).status for _ in range(2)] == [500, 201]


async def test_a_lost_reply_to_commit_is_an_unknown_outcome(server_store: Store) -> None:
    """The row is really there, and the answer says that nobody knows."""
    async with behind_proxy(server_store) as (proxy, rig):
        serve(rig, add)
        proxy.lose_reply(b"COMMIT")
        recording = await rig.call()
        assert_problem(recording, 500, "commit-outcome-unknown")
        assert recording.json["committed"] == "unknown"
        assert "retry-after" not in recording.headers
        assert rig.store.names == {"new"}
        rig.assert_clean(recording)


async def test_a_lost_reply_to_a_flush_is_a_definite_no(server_store: Store) -> None:
    """Without COMMIT the server undoes what it did, so the request may be repeated."""
    async with behind_proxy(server_store) as (proxy, rig):

        async def add_only(session: AsyncSession) -> None:
            await session.scalar(select(func.count()).select_from(Item))
            session.add(Item(name="new"))
            proxy.lose_reply(b"INSERT")

        serve(rig, add_only)
        recording = await rig.call()
        assert_problem(recording, 503, "database-unavailable")
        assert "committed" not in recording.json
        assert rig.store.names == set()


async def test_a_silent_commit_ends_at_the_deadline(server_store: Store) -> None:
    """Past `commit_timeout` the client hears that the outcome is unknown, and soon."""
    async with behind_proxy(server_store, commit_timeout=0.3) as (proxy, rig):
        serve(rig, add)
        proxy.lose_reply(b"COMMIT", silent=True)
        before = asyncio.get_running_loop().time()
        recording = await rig.call()
        elapsed = asyncio.get_running_loop().time() - before
        assert_problem(recording, 500, "commit-outcome-unknown")
        assert elapsed < 1.5
        assert rig.store.names == {"new"}
        proxy.reset()
        await until(lambda: not rig.store.checked_out)


async def test_a_silent_flush_ends_at_the_deadline(server_store: Store) -> None:
    """Past `commit_timeout` a flush that never ends is a definite no."""
    async with behind_proxy(server_store, commit_timeout=0.3) as (proxy, rig):

        async def add_only(session: AsyncSession) -> None:
            await session.scalar(select(func.count()).select_from(Item))
            session.add(Item(name="new"))
            proxy.lose_reply(b"INSERT", silent=True)

        serve(rig, add_only)
        before = asyncio.get_running_loop().time()
        recording = await rig.call()
        elapsed = asyncio.get_running_loop().time() - before
        assert_problem(recording, 503, "database-unavailable")
        assert elapsed < 1.5
        proxy.reset()
        await until(lambda: not rig.store.checked_out)
        assert rig.store.names == set()


async def test_postgres_turns_commit_into_rollback_silently(postgres_rig: Rig) -> None:
    """A swallowed error undid the transaction: the answer is that error's, not the handler's."""

    async def swallow(session: AsyncSession) -> None:
        await add(session)
        with suppress(DBAPIError):
            await session.execute(text("INSERT INTO item (id, name) VALUES (1, NULL)"))

    serve(postgres_rig, swallow)
    recording = await postgres_rig.call()
    assert_problem(recording, 422, "not-null-violation")
    assert postgres_rig.store.names == set()


async def test_a_swallowed_error_without_a_kind_is_a_plain_failure(postgres_rig: Rig) -> None:
    """A division by zero undoes the transaction as well."""

    async def swallow(session: AsyncSession) -> None:
        await add(session)
        with suppress(DBAPIError):
            await session.execute(text("SELECT 1 / 0"))

    serve(postgres_rig, swallow)
    recording = await postgres_rig.call()
    assert_problem(recording, 500, "commit-failed")
    assert postgres_rig.store.names == set()


async def test_a_handler_cannot_commit_an_aborted_transaction(postgres_rig: Rig) -> None:
    """The handler's own `commit()` after a swallowed error saves nothing, so it is no success."""

    async def swallow_and_commit(session: AsyncSession) -> None:
        await add(session)
        with suppress(DBAPIError):
            await session.execute(text("SELECT 1 / 0"))
        await session.commit()

    serve(postgres_rig, swallow_and_commit)
    recording = await postgres_rig.call()
    assert recording.status >= 400
    assert postgres_rig.store.names == set()
