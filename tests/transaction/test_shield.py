"""A COMMIT under way is finished, whoever cancels; anything before it is undone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import anyio
import pytest
from fastapi import Depends
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from holdfast.transaction.shield import finish, in_thread
from tests import asgi
from tests.asgi import Cancel
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.slow_commits import slow_commits
from tests.transaction.store import Item, Store

How = Literal["native", "anyio"]

both_ways = pytest.mark.parametrize("how", ["native", "anyio"])

SERVERS = ["asyncpg", "psycopg", "psycopg-sync", "asyncmy"]


async def run(rig: Rig, how: How, when: asyncio.Event, work: Callable[..., Any]) -> Recording:
    """Send a request whose handler works on the session, and cancel it when told."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await work(session)

    return await rig.call(cancel=Cancel(how, when))


def set_soon(when: asyncio.Event, seconds: float) -> None:
    """Set an event from any thread, a little later."""
    asyncio.get_running_loop().call_later(seconds, when.set)


@both_ways
@pytest.mark.parametrize("store", SERVERS, indirect=True)
async def test_a_statement_under_way_is_undone(rig: Rig, how: How) -> None:
    """A handler cancelled inside a slow statement leaves neither row nor connection behind.

    A sync statement runs in a thread that nobody can stop; then the request may yet succeed.
    """
    when = asyncio.Event()
    sleep = "SELECT sleep(0.4)" if rig.store.database.is_mariadb else "SELECT pg_sleep(0.4)"

    async def work(session: Any) -> None:
        def insert_and_sleep(sync_session: Session) -> None:
            sync_session.add(Item(name="new"))
            sync_session.flush()
            sync_session.execute(text(sleep))

        set_soon(when, 0.1)
        await on_session(session, insert_and_sleep)

    recording = await run(rig, how, when, work)
    assert recording.cancelled
    assert not recording.started or not rig.store.database.is_async
    assert rig.store.names == ({"new"} if recording.started else set())
    rig.assert_clean(recording)


@both_ways
@pytest.mark.parametrize("store", SERVERS, indirect=True)
async def test_a_commit_under_way_finishes(rig: Rig, how: How) -> None:
    """Cancelled inside a COMMIT that takes its time: the row is there, the pool is clean."""
    when = asyncio.Event()
    loop = asyncio.get_running_loop()

    # Sent right after this event, however long it took a busy machine to come so far.
    @event.listens_for(rig.store.sync_engine, "commit")
    def cancel_within(conn: Any) -> None:
        loop.call_soon_threadsafe(set_soon, when, 0.1)

    async def work(session: Any) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))

    try:
        with slow_commits(rig.store.database):
            recording = await run(rig, how, when, work)
    finally:
        event.remove(rig.store.sync_engine, "commit", cancel_within)
    assert recording.cancelled
    assert rig.happened[0] == "COMMIT"
    assert rig.store.names == {"new"}
    rig.assert_clean(recording)


@both_ways
async def test_a_flush_under_way_is_finished_or_undone_whole(rig: Rig, how: How) -> None:
    """Cancelled as the boundary flushes, the request commits all of its rows or none."""
    when = asyncio.Event()
    loop = asyncio.get_running_loop()

    @event.listens_for(rig.store.sync_engine, "before_cursor_execute")
    def cancel_now(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT"):
            loop.call_soon_threadsafe(when.set)

    async def work(session: Any) -> None:
        await on_session(session, lambda one: one.add_all([Item(name="a"), Item(name="b")]))

    try:
        recording = await run(rig, how, when, work)
    finally:
        event.remove(rig.store.sync_engine, "before_cursor_execute", cancel_now)
    assert recording.cancelled
    assert rig.store.names == {"a", "b"}
    rig.assert_clean(recording)


@both_ways
@pytest.mark.parametrize("moment", ["start", "body", "complete"])
async def test_a_cancellation_after_commit_changes_nothing(
    rig: Rig, how: How, moment: Literal["start", "body", "complete"]
) -> None:
    """Once the response has started the row is there, whatever becomes of the response."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))

    recording = await rig.call(cancel=Cancel(how, moment))
    assert recording.cancelled
    assert rig.store.names == rig.found_at_start == {"new"}
    rig.assert_clean(recording)


@pytest.mark.parametrize("store", SERVERS, indirect=True)
async def test_a_commit_past_the_deadline_is_unknown(store: Store) -> None:
    """The answer comes at the deadline, and does not claim to know."""
    with opened(store, commit_timeout=0.1) as rig:

        @rig.app.post("/", status_code=201)
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
            await on_session(session, lambda one: one.add(Item(name="new")))
            await on_session(session, Session.flush)

        with slow_commits(store.database, 2):
            before = asyncio.get_running_loop().time()
            recording = await rig.call()
            elapsed = asyncio.get_running_loop().time() - before
            await until(lambda: not store.checked_out)
        assert recording.status == 500
        assert recording.json["committed"] == "unknown"
        assert elapsed < 1.5


async def test_a_disconnect_changes_nothing(rig: Rig) -> None:
    """The client that is gone does not stop the handler: the status decides, and it commits."""
    gone = asyncio.Event()

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        gone.set()
        await asyncio.sleep(0.01)
        await on_session(session, lambda one: one.add(Item(name="new")))

    recording = await rig.call(disconnect=gone)
    assert recording.status == 201
    assert rig.store.names == {"new"}


async def test_a_server_that_raises_for_a_gone_client_changes_nothing(rig: Rig) -> None:
    """Where `send` raises `OSError`, the COMMIT came before it."""
    gone = asyncio.Event()

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        gone.set()
        await asyncio.sleep(0.01)
        await on_session(session, lambda one: one.add(Item(name="new")))

    recording = await rig.call(disconnect=gone, spec_version="2.4")
    assert not recording.started
    assert rig.store.names == {"new"}
    rig.assert_clean(recording)


@both_ways
@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_the_pool_survives_many_cancellations(rig: Rig, how: How) -> None:
    """More cancellations than connections, each at another moment: none stays checked out."""
    numbers = iter(range(100))
    when = asyncio.Event()

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        number = next(numbers)
        await session.connection()
        set_soon(when, number * 0.0005)
        session.add(Item(name=f"new {number}"))
        await session.flush()
        await session.execute(text("SELECT 1"))

    for _ in range(10):
        when = asyncio.Event()
        recording = await rig.call(cancel=Cancel(how, when))
        rig.assert_clean(recording)
        assert not recording.started or recording.status == 201
    assert (await rig.call()).status == 201


async def cancelled(how: How, operation: Callable[[], Awaitable[Any]], after: float) -> bool:
    """Run something in a task, cancel it, and tell whether the cancellation came through."""
    scope = anyio.CancelScope()
    came_through = False

    async def body() -> None:
        nonlocal came_through
        with scope:
            try:
                await operation()
            except asyncio.CancelledError:
                came_through = True
                raise

    task = asyncio.create_task(body())
    await asyncio.sleep(after)
    if how == "native":
        task.cancel()
    else:
        scope.cancel()
    await asyncio.wait({task})
    return came_through


@both_ways
async def test_finish_ends_what_it_began(how: How) -> None:
    """The operation runs to its end, and the cancellation is delivered afterwards."""
    ended: list[bool] = []

    async def operation() -> None:
        await asyncio.sleep(0.05)
        ended.append(True)

    came_through = await cancelled(how, lambda: finish(operation(), 5), after=0.01)
    assert ended == [True]
    assert came_through == (how == "native")


async def test_finish_ends_what_it_began_however_often_it_is_cancelled() -> None:
    """A second cancellation does not cut it short either."""
    ended: list[bool] = []

    async def operation() -> None:
        await asyncio.sleep(0.05)
        ended.append(True)

    task = asyncio.create_task(finish(operation(), 5))
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_finish_returns_and_raises_what_the_operation_does() -> None:
    """Result and exception pass unchanged."""

    async def succeed() -> int:
        return 7

    async def fail() -> None:
        raise LookupError("mine")

    assert await finish(succeed(), 5) == 7
    with pytest.raises(LookupError, match="mine"):
        await finish(fail(), 5)


async def test_finish_gives_up_at_the_deadline() -> None:
    """The caller goes on at once, even if the operation does not listen to its cancellation."""
    released = asyncio.Event()
    unwound = asyncio.Event()

    async def stubborn() -> None:
        try:
            await released.wait()
        except asyncio.CancelledError:
            await released.wait()
        unwound.set()
        raise LookupError("nobody waits for this any more")

    with pytest.raises(TimeoutError):
        await finish(stubborn(), 0.02)
    assert not unwound.is_set()
    released.set()
    await asyncio.wait_for(unwound.wait(), 1)


async def test_finish_cuts_what_no_cancellation_reaches() -> None:
    """Past the deadline, and not before, it is told to; the operation may then end by itself."""
    released = asyncio.Event()
    cuts: list[bool] = []

    def cut() -> bool:
        cuts.append(True)
        released.set()
        return True

    async def operation() -> int:
        await released.wait()
        return 7

    assert await finish(asyncio.sleep(0.02, 5), 1, cut) == 5
    assert cuts == []
    assert await finish(operation(), 0.02, cut) == 7
    assert cuts == [True]


async def test_finish_goes_on_though_the_cut_did_not_help() -> None:
    """An operation that still waits afterwards is cancelled, and the caller learns of the time."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(finish(asyncio.sleep(5), 0.02, lambda: True), 1)


async def test_what_was_given_up_is_cancelled_until_it_ends() -> None:
    """An operation that answers a cancellation by waiting for something else gets another."""
    cancellations: list[bool] = []
    ended = asyncio.Event()

    async def stubborn() -> None:
        try:
            for _ in range(2):
                try:
                    await asyncio.sleep(5)
                except asyncio.CancelledError:
                    cancellations.append(True)
            await asyncio.sleep(5)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await finish(stubborn(), 0.02)
    await asyncio.wait_for(ended.wait(), 2)
    assert len(cancellations) == 2


async def test_a_deadline_that_comes_with_a_cancellation_is_a_cancellation() -> None:
    """A caller that was cancelled meanwhile learns that, not the timeout."""
    task = asyncio.create_task(finish(asyncio.sleep(5), 0.05))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_threads_of_the_boundary_are_its_own() -> None:
    """Handlers that fill the default thread pool cannot keep a COMMIT from running."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    total = limiter.total_tokens
    limiter.total_tokens = 1
    try:
        async with limiter:
            assert await asyncio.wait_for(in_thread(lambda: 7), 2) == 7
    finally:
        limiter.total_tokens = total


@pytest.mark.parametrize("store", ["pysqlite", "psycopg-sync"], indirect=True)
async def test_sync_requests_end_though_all_threads_wait(rig: Rig) -> None:
    """More blocking handlers than threads and connections: each ends, none waits for another."""

    @rig.app.post("/", status_code=201)
    def write(session: Annotated[Session, Depends(rig.alchemy.provide_sync_session())]) -> None:
        session.execute(text("SELECT 1"))

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(asgi.request(rig.app, "POST") for _ in range(60)))
    assert {answer.status for answer in answers} == {201}
