"""Work that a framework starts beside COMMIT waits for its turn."""

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import Annotated, Any

import pytest
from fastapi import Depends
from fastapi.sse import EventSourceResponse
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from holdfast.errors import OutsideBoundaryError, ResponseStartedError
from tests.transaction.rig import Rig, on_session
from tests.transaction.slow_commits import slow_commits
from tests.transaction.store import Item

REPEATS = 12


def late_insert(session: Session) -> None:
    """Write what must never be there."""
    session.execute(insert(Item).values(name="late"))


def serve(rig: Rig, pause: float, seen: list[Any]) -> None:
    """Give the application SSE routes whose producers write at once."""
    provide = rig.alchemy.provide_session()
    given = Depends(provide)

    async def write(session: Annotated[Any, given]) -> Any:
        def insert_several(sync_session: Session) -> None:
            for number in range(3):
                sync_session.add(Item(name=f"new {number}"))
            sync_session.flush()
            sync_session.add(Item(name="pending"))

        await on_session(session, insert_several)
        return session

    written = Depends(write)

    @rig.app.post("/write", response_class=EventSourceResponse)
    async def write_late(session: Annotated[Any, written]) -> AsyncIterable[int]:
        await asyncio.sleep(pause)
        try:
            await on_session(session, late_insert)
        except ResponseStartedError as error:
            seen.append(error)
        yield 1

    @rig.app.post("/read", response_class=EventSourceResponse)
    async def read_late(session: Annotated[Any, written]) -> AsyncIterable[int]:
        await asyncio.sleep(pause)
        count = select(func.count()).select_from(Item)
        seen.append(await on_session(session, lambda one: one.scalar(count)))
        yield 1

    @rig.app.post("/plain", response_class=EventSourceResponse)
    def write_in_a_thread(session: Annotated[Any, written]) -> Iterable[int]:
        if rig.store.database.is_async:
            seen.append(None)
        else:
            try:
                late_insert(session)
            except ResponseStartedError as error:
                seen.append(error)
        yield 1


@pytest.mark.parametrize("pause", [0, 0.0005, 0.002])
async def test_a_producer_cannot_slip_a_write_beside_commit(rig: Rig, pause: float) -> None:
    """Whenever its first statement comes, it is refused; what the request wrote is committed."""
    seen: list[Any] = []
    serve(rig, pause, seen)
    for _ in range(REPEATS // 4 if "sqlite" in rig.store.database.backend else REPEATS):
        rig.store.empty()
        rig.happened.clear()
        recording = await rig.call("/write")
        assert (recording.status, recording.error) == (200, None)
        assert rig.happened == ["COMMIT", "start 200"]
        assert rig.found_at_start == {"new 0", "new 1", "new 2", "pending"}
        assert rig.store.names == rig.found_at_start
        assert isinstance(seen.pop(), ResponseStartedError)
        assert rig.store.checked_out == 0


async def test_a_producer_reads_what_was_committed(rig: Rig) -> None:
    """Its first read waits for COMMIT, and sees its rows."""
    seen: list[Any] = []
    serve(rig, 0, seen)
    for _ in range(5):
        rig.store.empty()
        recording = await rig.call("/read")
        assert (recording.status, recording.error) == (200, None)
        assert seen.pop() == 5


async def test_a_producer_in_a_thread_waits_too(rig: Rig) -> None:
    """A plain generator runs in worker threads, where waiting is done by other means."""
    seen: list[Any] = []
    serve(rig, 0, seen)
    for _ in range(5):
        rig.store.empty()
        recording = await rig.call("/plain")
        assert (recording.status, recording.error) == (200, None)
        assert rig.found_at_start == rig.store.names == {"new 0", "new 1", "new 2", "pending"}
        refused = seen.pop()
        assert isinstance(refused, ResponseStartedError) or rig.store.database.is_async


@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "psycopg-sync", "asyncmy"], indirect=True)
async def test_a_task_left_behind_waits_for_commit(rig: Rig) -> None:
    """A statement that comes while COMMIT is under way neither breaks it nor takes part in it."""
    left: list[asyncio.Task[None]] = []

    @rig.app.post("/", status_code=201)
    async def leave_a_task(
        session: Annotated[Any, Depends(rig.alchemy.provide_session())],
    ) -> int:
        async def work() -> None:
            await asyncio.sleep(0.1)
            await on_session(session, late_insert)

        await on_session(session, lambda one: one.add(Item(name="new")))
        left.append(asyncio.create_task(work()))
        return 1

    with slow_commits(rig.store.database):
        recording = await rig.call()
        (outcome,) = await asyncio.gather(*left, return_exceptions=True)
    assert (recording.status, recording.error) == (201, None)
    assert isinstance(outcome, ResponseStartedError | OutsideBoundaryError)
    assert rig.happened == ["COMMIT", "start 201"]
    assert rig.store.names == {"new"}


async def test_tasks_of_a_handler_share_its_session_before_the_start(async_rig: Rig) -> None:
    """An ordinary handler that works in a task of its own is not held back: it would deadlock."""

    @async_rig.app.post("/", status_code=201)
    async def delegate(
        session: Annotated[Any, Depends(async_rig.alchemy.provide_session())],
    ) -> None:
        async def work() -> None:
            session.add(Item(name="new"))
            await session.flush()

        await asyncio.create_task(work())

    async with asyncio.timeout(3):
        recording = await async_rig.call()
    assert recording.status == 201
    assert async_rig.store.names == {"new"}


async def test_dependencies_of_a_generator_endpoint_work_in_tasks(async_rig: Rig) -> None:
    """A dependency that reads in a task it awaits is served before the start as well."""
    provide = async_rig.alchemy.provide_session()

    async def gathered(session: Annotated[Any, Depends(provide)]) -> None:
        async def work() -> None:
            session.add(Item(name="new"))
            await session.flush()

        await asyncio.gather(work())

    @async_rig.app.post("/", dependencies=[Depends(gathered)])
    async def lines() -> AsyncIterable[int]:
        yield 1

    async with asyncio.timeout(3):
        recording = await async_rig.call()
    assert (recording.status, recording.error) == (200, None)
    assert async_rig.store.names == {"new"}
