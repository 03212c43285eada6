"""Handlers and dependencies that end their transaction themselves, wholly or in part."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from tests.recording import Recording
from tests.transaction.rig import Rig
from tests.transaction.store import Item

Work = Callable[[AsyncSession], Awaitable[None]]

pytestmark = pytest.mark.parametrize(
    "async_store", ["aiosqlite", "asyncpg", "psycopg", "asyncmy"], indirect=True
)


async def run(rig: Rig, work: Work) -> Recording:
    """Send a request whose handler does some work and answers 201."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await work(session)

    recording = await rig.call()
    rig.assert_clean(recording)
    return recording


async def flush(session: AsyncSession, *names: str) -> None:
    """Write rows."""
    session.add_all([Item(name=name) for name in names])
    await session.flush()


async def test_a_dependency_may_begin_the_transaction(async_rig: Rig) -> None:
    """`async with session.begin()` around the yield: its commit, if it comes late, is no loss."""
    provide = async_rig.alchemy.provide_session()

    async def begun(session: Annotated[Any, Depends(provide)]) -> AsyncGenerator[Any]:
        async with session.begin():
            yield session

    @async_rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(begun)]) -> None:
        session.add(Item(name="new"))

    recording = await async_rig.call()
    assert (recording.status, recording.error) == (201, None)
    assert async_rig.store.names == async_rig.found_at_start == {"new"}


async def test_a_dependency_may_open_a_savepoint(async_rig: Rig) -> None:
    """`async with session.begin_nested()` around the yield does not keep the row from COMMIT."""
    provide = async_rig.alchemy.provide_session()

    async def begun(session: Annotated[Any, Depends(provide)]) -> AsyncGenerator[Any]:
        async with session.begin_nested():
            yield session

    @async_rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(begun)]) -> None:
        session.add(Item(name="new"))

    recording = await async_rig.call()
    assert (recording.status, recording.error) == (201, None)
    assert async_rig.store.names == async_rig.found_at_start == {"new"}


@pytest.mark.parametrize("kind", ["begin", "begin_nested"])
async def test_a_dependency_with_a_transaction_undoes_a_failure(async_rig: Rig, kind: str) -> None:
    """When the handler raises, such a dependency rolls back, and nothing is left."""
    provide = async_rig.alchemy.provide_session()

    async def begun(session: Annotated[Any, Depends(provide)]) -> AsyncGenerator[Any]:
        async with getattr(session, kind)():
            yield session

    @async_rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(begun)]) -> None:
        await flush(session, "new")
        raise LookupError

    recording = await async_rig.call()
    assert isinstance(recording.error, LookupError)
    assert async_rig.store.names == set()
    async_rig.assert_clean(recording)


async def test_a_function_scoped_dependency_may_begin(async_rig: Rig) -> None:
    """Its `session.begin()` commits before the response; the boundary finds nothing left to do."""
    provide = async_rig.alchemy.provide_session()

    async def begun(session: Annotated[Any, Depends(provide)]) -> AsyncGenerator[Any]:
        async with session.begin():
            yield session

    @async_rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(begun, scope="function")]) -> None:
        session.add(Item(name="new"))

    assert (await async_rig.call()).status == 201
    assert async_rig.happened == ["COMMIT", "start 201"]
    assert async_rig.store.names == {"new"}


async def test_a_commit_of_the_handler_is_kept(async_rig: Rig) -> None:
    """What follows it is a second transaction, which the boundary commits."""

    async def work(session: AsyncSession) -> None:
        await flush(session, "one")
        await session.commit()
        await flush(session, "two")

    assert (await run(async_rig, work)).status == 201
    assert async_rig.happened == ["COMMIT", "COMMIT", "start 201"]
    assert async_rig.store.names == {"one", "two"}


async def test_a_commit_of_the_handler_outlives_its_exception(async_rig: Rig) -> None:
    """A handler that commits and then raises keeps what it committed, and no more."""

    async def work(session: AsyncSession) -> None:
        await flush(session, "one")
        await session.commit()
        await flush(session, "two")
        raise LookupError

    assert (await run(async_rig, work)).status == 500
    assert async_rig.store.names == {"one"}


async def test_a_rollback_of_the_handler_is_no_failure(async_rig: Rig) -> None:
    """Who rolls back and answers 2xx has chosen so; what follows is committed."""

    async def work(session: AsyncSession) -> None:
        await flush(session, "one")
        await session.rollback()
        await flush(session, "two")

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == {"two"}


async def test_an_error_followed_by_a_rollback_is_no_failure(async_rig: Rig) -> None:
    """The handler knows that the row exists and has rolled back: nothing is lost by its 2xx."""

    async def work(session: AsyncSession) -> None:
        with suppress(IntegrityError):
            await flush(session, "taken")
        await session.rollback()

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == set()


async def test_writing_again_after_a_rollback_commits(async_rig: Rig) -> None:
    """Insert, fail, roll back, insert something else: the last row is committed."""

    async def work(session: AsyncSession) -> None:
        with suppress(IntegrityError):
            await flush(session, "taken")
        await session.rollback()
        await flush(session, "new")

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == {"new"}


@pytest.mark.parametrize("how", ["flush", "execute"])
async def test_an_error_undone_by_its_savepoint_is_no_failure(async_rig: Rig, how: str) -> None:
    """The statement before it is committed, because the transaction was never aborted."""

    async def work(session: AsyncSession) -> None:
        await flush(session, "new")
        with suppress(IntegrityError):
            async with session.begin_nested():
                if how == "flush":
                    await flush(session, "taken")
                else:
                    await session.execute(insert(Item).values(id=1000, name="b"))

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == {"new"}


async def test_a_flush_error_that_is_swallowed_is_a_failure(async_rig: Rig) -> None:
    """A failed flush undoes the session's whole transaction on every database."""

    async def work(session: AsyncSession) -> None:
        await flush(session, "new")
        with suppress(IntegrityError):
            await flush(session, "taken")

    assert (await run(async_rig, work)).status == 409
    assert async_rig.store.names == set()


async def test_a_swallowed_error_does_not_mark_the_next_request(async_rig: Rig) -> None:
    """The same connection serves the next request, which has no part in that error."""
    turns = iter((True, False))

    async def work(session: AsyncSession) -> None:
        with suppress(DBAPIError):
            if next(turns):
                await session.execute(text("SELECT nothing FROM nowhere"))
        await flush(session, "new")

    @async_rig.app.put("/", status_code=201)
    async def write(
        session: Annotated[Any, Depends(async_rig.alchemy.provide_session())],
    ) -> None:
        await work(session)

    first = await async_rig.call(method="PUT")
    assert first.status >= 400 or async_rig.store.names == {"new"}
    async_rig.store.empty()
    second = await async_rig.call(method="PUT")
    assert second.status == 201
    assert async_rig.store.names == {"new"}


async def test_what_a_savepoint_undid_is_not_left_over(async_rig: Rig) -> None:
    """In manual mode a dry run inside a savepoint leaves nothing that could get lost."""
    async_rig.config.commit_mode = "manual"

    async def work(session: AsyncSession) -> None:
        savepoint = await session.begin_nested()
        await flush(session, "tried")
        await savepoint.rollback()

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == set()


async def test_what_a_savepoint_kept_is_left_over(async_rig: Rig) -> None:
    """In manual mode a released savepoint still waits for its COMMIT."""
    async_rig.config.commit_mode = "manual"

    async def work(session: AsyncSession) -> None:
        async with session.begin_nested():
            await flush(session, "kept")

    assert (await run(async_rig, work)).status == 500
    assert async_rig.store.names == set()


async def test_objects_stay_readable_after_the_last_commit(async_rig: Rig) -> None:
    """The response is made of what was written, without another statement."""
    provide = async_rig.alchemy.provide_session()

    @async_rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(provide)]) -> dict[str, str]:
        item = Item(name="new")
        session.add(item)
        await session.commit()
        await session.refresh(item)
        return {"name": item.name}

    assert (await async_rig.call()).json == {"name": "new"}


async def test_a_sync_handler_may_use_the_session_of_a_sync_config(async_rig: Rig) -> None:
    """`run_sync` shows the same session as the awaiting methods."""

    async def work(session: AsyncSession) -> None:
        def inner(sync_session: Session) -> None:
            sync_session.add(Item(name="new"))

        await session.run_sync(inner)
        assert any(isinstance(item, Item) for item in session.new)

    assert (await run(async_rig, work)).status == 201
    assert async_rig.store.names == {"new"}
