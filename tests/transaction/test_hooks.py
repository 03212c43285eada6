"""After-commit hooks: at most once, after a durable COMMIT and the last byte, never in its way."""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, StreamingResponse

from holdfast import after_commit
from holdfast.errors import ConfigurationError, OutsideBoundaryError, ResponseStartedError
from holdfast.testing import fail_next_commit
from tests.asgi import Cancel
from tests.transaction.rig import Rig, on_session, opened
from tests.transaction.store import Item, Store


def serve(rig: Rig, work: Callable[[Any], Any], **route: Any) -> None:
    """Give the application one route that writes a row and registers hooks."""

    @rig.app.post("/", **route)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> Any:
        await on_session(session, lambda one: one.add(Item(name="new")))
        return work(session)


def noting(rig: Rig, name: str) -> Callable[[], None]:
    """Return a hook that notes itself, and what another connection finds."""
    return lambda: rig.happened.append(f"{name} {sorted(rig.store.names)}")


async def test_hooks_follow_commit_and_answer(rig: Rig) -> None:
    """Functions and coroutine functions run in order, with the row there and no connection held."""

    async def later() -> None:
        await asyncio.sleep(0)
        rig.happened.append(f"async, {rig.store.checked_out} held")

    def register(session: Any) -> None:
        after_commit(session, noting(rig, "sync"))
        after_commit(session, later)
        after_commit(session, rig.happened.append, "with arguments")

    serve(rig, register)
    await rig.call(on_message=lambda message: rig.happened.append(message["type"][14:]))
    assert rig.happened == [
        "COMMIT",
        "start 200",
        "start",
        "body",
        "sync ['new']",
        "async, 0 held",
        "with arguments",
    ]


async def test_hooks_follow_the_last_byte_of_a_stream(rig: Rig) -> None:
    """A stream ends before what it has announced begins."""

    async def parts() -> Any:
        yield "a"
        rig.happened.append("streamed")

    def register(session: Any) -> Any:
        after_commit(session, noting(rig, "hook"))
        return StreamingResponse(parts())

    serve(rig, register, response_model=None)
    await rig.call()
    assert rig.happened[-2:] == ["streamed", "hook ['new']"]


@pytest.mark.parametrize("how", ["status", "exception", "failed commit", "rollback"])
async def test_what_is_not_committed_has_no_hooks(rig: Rig, how: str) -> None:
    """Whatever keeps a transaction from being committed keeps its hooks from running."""

    def register(session: Any) -> Any:
        after_commit(session, noting(rig, "hook"))
        if how == "exception":
            raise ValueError
        return JSONResponse(None, 400 if how == "status" else 200)

    if how == "rollback":

        @rig.app.post("/")
        async def undo(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
            await on_session(session, lambda one: one.add(Item(name="new")))
            after_commit(session, noting(rig, "hook"))
            await on_session(session, Session.rollback)
    else:
        serve(rig, register, response_model=None)
    if how == "failed commit":
        with fail_next_commit(rig.store.sync_engine):
            await rig.call()
    else:
        await rig.call()
    assert not any(event.startswith("hook") for event in rig.happened)
    assert rig.store.names == set()


async def test_a_savepoint_takes_its_hooks_along(rig: Rig) -> None:
    """Hooks of a savepoint that is rolled back do not run; those around it do."""

    def work(session: Session) -> None:
        after_commit(session, noting(rig, "outer"))
        session.add(Item(name="new"))
        with session.begin_nested():
            after_commit(session, noting(rig, "kept"))
        savepoint = session.begin_nested()
        after_commit(session, noting(rig, "undone"))
        savepoint.rollback()

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, work)

    await rig.call()
    hooks = [event.split()[0] for event in rig.happened if event.endswith("]")]
    assert hooks == ["outer", "kept"]


async def test_a_hook_of_the_handlers_own_commit_runs_once(rig: Rig) -> None:
    """Registered before an inner commit it is due by that, whatever becomes of the answer."""

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> Any:
        await on_session(session, lambda one: one.add(Item(name="new")))
        after_commit(session, noting(rig, "hook"))
        await on_session(session, Session.commit)
        return JSONResponse(None, 400)

    await rig.call()
    assert rig.happened[-2:] == ["start 400", "hook ['new']"]


async def test_a_hook_that_raises_changes_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged by name, without what it was given; the others run, the answer stands."""

    def fail(secret: str) -> None:
        raise ValueError(secret[:0])

    def register(session: Any) -> None:
        after_commit(session, fail, "s3cret")
        after_commit(session, noting(rig, "hook"))

    serve(rig, register)
    with caplog.at_level(logging.ERROR):
        recording = await rig.call()
    assert (recording.status, recording.error) == (200, None)
    assert rig.happened[-1] == "hook ['new']"
    [record] = caplog.records
    assert "fail" in record.getMessage()
    assert "s3cret" not in caplog.text


async def test_a_cancelled_request_keeps_what_it_committed(async_rig: Rig) -> None:
    """Cancelled after COMMIT the hooks still run: what they follow is durable."""
    rig = async_rig

    async def hook() -> None:
        await asyncio.sleep(0)
        rig.happened.append("hook")

    serve(rig, lambda session: after_commit(session, hook))
    recording = await rig.call(cancel=Cancel("anyio", "start"))
    assert recording.cancelled
    assert rig.happened[-1] == "hook"
    assert rig.store.names == {"new"}


async def test_no_hook_once_the_response_has_started(rig: Rig) -> None:
    """A background task has no transaction that a hook could follow."""
    raised: list[Exception] = []

    def register(session: Any) -> None:
        try:
            after_commit(session, noting(rig, "hook"))
        except ResponseStartedError as error:
            raised.append(error)

    @rig.app.post("/")
    async def write(
        session: Annotated[Any, Depends(rig.alchemy.provide_session())], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(register, session)

    await rig.call()
    assert len(raised) == 1


async def test_blocks_have_hooks(store: Store) -> None:
    """A block of one's own runs them at its end, after COMMIT; a savepoint leaves them to it."""
    with opened(store) as rig:
        if store.database.is_async:
            async with rig.alchemy.transaction() as session:
                session.add(Item(name="new"))
                after_commit(session, noting(rig, "outer"))
                async with rig.alchemy.transaction() as inner:
                    after_commit(inner, noting(rig, "inner"))
                assert rig.happened == []
        else:
            with rig.alchemy.transaction() as sync_session:
                sync_session.add(Item(name="new"))
                after_commit(sync_session, noting(rig, "outer"))
                with rig.alchemy.transaction() as sync_inner:
                    after_commit(sync_inner, noting(rig, "inner"))
                assert rig.happened == []
        assert rig.happened == ["COMMIT", "outer ['new']", "inner ['new']"]


@pytest.mark.parametrize("store", ["pysqlite"], indirect=True)
async def test_a_sync_block_takes_no_coroutine_function(store: Store) -> None:
    """Nothing could await it, which is said where it is registered."""

    async def hook() -> None: ...

    with (
        opened(store) as rig,
        rig.alchemy.transaction() as session,
        pytest.raises(ConfigurationError, match="Pass a plain function"),
    ):
        after_commit(session, hook)


async def test_a_foreign_session_has_no_hooks(async_store: Store) -> None:
    """Nobody would run them, so the call says what to open instead."""
    engine = async_store.engine
    assert isinstance(engine, AsyncEngine)
    async with AsyncSession(engine) as session:
        with pytest.raises(OutsideBoundaryError, match=r"alchemy\.transaction\(\)"):
            after_commit(session, print)
