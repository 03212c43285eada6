"""`alchemy.session()` and `alchemy.transaction()`: sessions of one's own, outside requests."""

import asyncio
from contextlib import suppress
from typing import Any, Literal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.errors import (
    CommitOutcomeUnknownError,
    ConfigurationError,
    TransactionAbortedError,
    TransactionTimeoutError,
)
from tests.engines.proxy import Proxy
from tests.transaction.rig import Rig, until
from tests.transaction.store import Item, Store
from tests.transaction.test_commit_failures import behind_proxy

async_only = pytest.mark.parametrize(
    "store", ["aiosqlite", "asyncpg", "psycopg", "asyncmy"], indirect=True
)
sync_only = pytest.mark.parametrize("store", ["pysqlite", "psycopg-sync"], indirect=True)
async_servers = pytest.mark.parametrize("store", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async_postgres = pytest.mark.parametrize("store", ["asyncpg", "psycopg"], indirect=True)


# Async


@async_only
async def test_a_transaction_commits_at_its_end(rig: Rig) -> None:
    """The row is there after the block, and the connection is back."""
    async with rig.alchemy.transaction() as session:
        session.add(Item(name="new"))
        await session.flush()
        assert rig.store.names == set()
    assert rig.store.names == {"new"}


@async_only
async def test_a_transaction_that_raises_is_undone(rig: Rig) -> None:
    """The exception passes, the row does not."""

    async def job() -> None:
        async with rig.alchemy.transaction() as session:
            session.add(Item(name="new"))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await job()
    assert rig.store.names == set()


@async_only
@pytest.mark.parametrize("item", [Item(name="taken"), Item(name="new", parent_id=999)])
async def test_a_transaction_that_cannot_commit_raises(rig: Rig, item: Item) -> None:
    """A failing flush or COMMIT is the block's own exception."""
    with pytest.raises(IntegrityError):
        async with rig.alchemy.transaction() as session:
            session.add(Item(name=item.name, parent_id=item.parent_id))
    assert rig.store.names == set()


@async_only
async def test_a_block_inside_a_block_is_a_savepoint(rig: Rig) -> None:
    """It is undone alone, on the same session, and the outer one commits what remains."""
    async with rig.alchemy.transaction() as outer:
        outer.add(Item(name="one"))
        with suppress(LookupError):
            async with rig.alchemy.transaction() as inner:
                assert inner is outer
                inner.add(Item(name="undone"))
                await inner.flush()
                raise LookupError
        async with rig.alchemy.transaction() as inner:
            inner.add(Item(name="two"))
        assert rig.store.names == set()
    assert rig.store.names == {"one", "two"}


@async_only
async def test_a_constraint_in_a_savepoint_spares_the_outer_block(rig: Rig) -> None:
    """The inner block's error is recorded, undone, and does not fail the outer COMMIT."""
    async with rig.alchemy.transaction() as outer:
        outer.add(Item(name="one"))
        with pytest.raises(IntegrityError):
            async with rig.alchemy.transaction() as inner:
                inner.add(Item(name="taken"))
    assert rig.store.names == {"one"}


@async_only
async def test_blocks_after_each_other_are_separate(rig: Rig) -> None:
    """The second block is no savepoint of the first, which has ended."""
    for name in ("one", "two"):
        async with rig.alchemy.transaction() as session:
            session.add(Item(name=name))
        assert name in rig.store.names


@async_only
async def test_a_child_task_has_a_transaction_of_its_own(rig: Rig) -> None:
    """Two tasks cannot share a session, so the child's block commits by itself."""

    async def child(outer: AsyncSession) -> None:
        async with rig.alchemy.transaction() as own:
            assert own is not outer
            await own.execute(text("SELECT 1"))

    async with rig.alchemy.transaction() as outer:
        await outer.execute(text("SELECT 1"))
        await asyncio.create_task(child(outer))


@async_servers
async def test_a_child_commits_though_its_parent_raises(rig: Rig) -> None:
    """What the child committed does not hang on the outer block."""

    async def child() -> None:
        async with rig.alchemy.transaction() as own:
            own.add(Item(name="child"))

    async def job() -> None:
        async with rig.alchemy.transaction() as outer:
            outer.add(Item(name="parent"))
            await outer.flush()
            await asyncio.create_task(child())
            raise LookupError

    with pytest.raises(LookupError):
        await job()
    assert rig.store.names == {"child"}


@async_postgres
async def test_a_swallowed_error_fails_the_transaction(rig: Rig) -> None:
    """PostgreSQL would answer COMMIT with ROLLBACK; the block raises instead."""

    async def job() -> None:
        async with rig.alchemy.transaction() as session:
            session.add(Item(name="new"))
            await session.flush()
            with suppress(DBAPIError):
                await session.execute(text("SELECT 1 / 0"))

    with pytest.raises(TransactionAbortedError) as caught:
        await job()
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert rig.store.names == set()


@async_postgres
async def test_a_swallowed_error_fails_a_commit_by_hand(rig: Rig) -> None:
    """`commit()` in a session block would silently roll back as well."""
    async with rig.alchemy.session() as session:
        session.add(Item(name="new"))
        await session.flush()
        with suppress(DBAPIError):
            await session.execute(text("SELECT 1 / 0"))
        with pytest.raises(TransactionAbortedError):
            await session.commit()
    assert rig.store.names == set()


@async_only
async def test_a_session_commits_by_hand_alone(rig: Rig) -> None:
    """What was not committed at the end of a session block is undone."""
    async with rig.alchemy.session() as session:
        session.add(Item(name="one"))
        await session.commit()
        session.add(Item(name="two"))
        await session.flush()
    assert rig.store.names == {"one"}


@async_only
@pytest.mark.parametrize("kind", ["session", "transaction"])
async def test_a_cancelled_block_holds_nothing(rig: Rig, kind: str) -> None:
    """Cancelled inside, it is rolled back and its connection goes back."""
    working = asyncio.Event()

    async def job() -> None:
        async with getattr(rig.alchemy, kind)() as session:
            session.add(Item(name="new"))
            await session.flush()
            working.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(job())
    await working.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


@async_only
@pytest.mark.parametrize("kind", ["session", "transaction"])
async def test_a_block_in_a_timed_out_scope_holds_nothing(rig: Rig, kind: str) -> None:
    """The same with a scope of anyio, which cancels every further await."""
    import anyio  # noqa: PLC0415

    with anyio.move_on_after(0.1) as scope:
        async with getattr(rig.alchemy, kind)() as session:
            session.add(Item(name="new"))
            await session.flush()
            await asyncio.Event().wait()
    assert scope.cancelled_caught
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


@pytest.mark.parametrize("silent", [False, True])
async def test_a_lost_reply_to_commit_is_an_unknown_outcome(
    server_store: Store, silent: Literal[False, True]
) -> None:
    """Cut off or mute: the block raises that it does not know, and the row is there."""
    options: dict[str, Any] = {"commit_timeout": 0.3} if silent else {}
    async with behind_proxy(server_store, **options) as (proxy, rig):

        async def job() -> None:
            async with rig.alchemy.transaction() as session:
                session.add(Item(name="new"))
                await session.flush()
                proxy.lose_reply(b"COMMIT", silent=silent)

        with pytest.raises(CommitOutcomeUnknownError):
            await job()
        await settled(proxy, rig)
        assert rig.store.names == {"new"}


async def test_a_flush_that_never_ends_is_a_definite_no(server_store: Store) -> None:
    """Past the deadline nothing was committed, and the block says that."""
    async with behind_proxy(server_store, commit_timeout=0.3) as (proxy, rig):

        async def job() -> None:
            async with rig.alchemy.transaction() as session:
                await session.execute(text("SELECT 1"))
                session.add(Item(name="new"))
                proxy.lose_reply(b"INSERT", silent=True)

        with pytest.raises(TransactionTimeoutError):
            await job()
        await settled(proxy, rig)
        assert rig.store.names == set()


async def settled(proxy: Proxy, rig: Rig) -> None:
    """Wait until a mute connection has been cut and given up."""
    proxy.reset()
    await until(lambda: not rig.store.checked_out)


# Sync


@sync_only
async def test_a_sync_transaction_commits_or_is_undone(rig: Rig) -> None:
    """With `with` it keeps the same promises."""
    with rig.alchemy.transaction() as session:
        session.add(Item(name="new"))

    def job() -> None:
        with rig.alchemy.transaction() as session:
            session.add(Item(name="undone"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        job()
    assert rig.store.names == {"new"}
    assert rig.store.checked_out == 0


@sync_only
@pytest.mark.parametrize("parent", [None, 999])
async def test_a_sync_transaction_that_cannot_commit_raises(rig: Rig, parent: int | None) -> None:
    """A failing flush or COMMIT is the block's own exception, and holds no connection."""
    name = "taken" if parent is None else "new"
    with pytest.raises(IntegrityError), rig.alchemy.transaction() as session:
        session.add(Item(name=name, parent_id=parent))
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


@pytest.mark.parametrize("store", ["aiosqlite", "pysqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["session", "transaction"])
async def test_a_failed_commit_on_sqlite_frees_the_database(rig: Rig, kind: str) -> None:
    """SQLite keeps a transaction whose COMMIT failed; the next writer must not wait for it."""
    block = getattr(rig.alchemy, kind)()

    async def job() -> None:
        if rig.store.database.is_async:
            async with block as session:
                session.add(Item(name="new", parent_id=999))
                if kind == "session":
                    await session.commit()
        else:
            with block as session:
                session.add(Item(name="new", parent_id=999))
                if kind == "session":
                    session.commit()

    with pytest.raises(IntegrityError):
        await job()
    rig.store.database.query("INSERT INTO item (id, name) VALUES (1, 'next')")
    assert rig.store.names == {"next"}


@sync_only
async def test_a_sync_block_inside_a_block_is_a_savepoint(rig: Rig) -> None:
    """It is undone alone, and the outer one commits what remains."""
    with rig.alchemy.transaction() as outer:
        outer.add(Item(name="one"))
        with suppress(LookupError), rig.alchemy.transaction() as inner:
            assert inner is outer
            inner.add(Item(name="undone"))
            inner.flush()
            raise LookupError
        with rig.alchemy.transaction() as inner:
            inner.add(Item(name="two"))
    assert rig.store.names == {"one", "two"}


@sync_only
async def test_a_thread_has_a_transaction_of_its_own(rig: Rig) -> None:
    """A worker thread inherits the context, not the block."""
    others: list[Any] = []

    def work() -> None:
        with rig.alchemy.transaction() as own:
            others.append(own)

    with rig.alchemy.transaction() as outer:
        await asyncio.to_thread(work)
        assert others[0] is not outer


@pytest.mark.parametrize("store", ["psycopg-sync"], indirect=True)
@pytest.mark.parametrize("kind", ["session", "transaction"])
async def test_a_swallowed_error_fails_a_sync_commit(rig: Rig, kind: str) -> None:
    """By the block or by hand: COMMIT of an aborted transaction raises."""

    def job() -> None:
        with getattr(rig.alchemy, kind)() as session:
            session.add(Item(name="new"))
            session.flush()
            with suppress(DBAPIError):
                session.execute(text("SELECT 1 / 0"))
            if kind == "session":
                session.commit()

    with pytest.raises(TransactionAbortedError):
        job()
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


# Either


async def test_the_wrong_kind_of_block_says_which_to_write(rig: Rig) -> None:
    """`with` on an async bind, or the reverse, is a mistake of wiring with a remedy."""
    alchemy = rig.alchemy
    for block in (alchemy.session(), alchemy.transaction()):
        if rig.store.database.is_async:
            with pytest.raises(ConfigurationError, match="Use `async with`"), block:
                pass
        else:
            with pytest.raises(ConfigurationError, match="Use `with`"):
                async with block:
                    pass


async def test_an_unknown_bind_key_names_the_known(rig: Rig) -> None:
    """A misspelt key is found where the block is made."""
    with pytest.raises(ConfigurationError, match="'default'"):
        rig.alchemy.transaction("nothing")


@async_only
async def test_a_block_within_a_request_is_apart_from_it(rig: Rig) -> None:
    """It commits by itself, though the request fails."""

    @rig.app.post("/")
    async def write() -> None:
        async with rig.alchemy.transaction() as session:
            session.add(Item(name="new"))
        raise InvalidRequestError("mine")

    assert (await rig.call()).status == 500
    assert rig.store.names == {"new"}
