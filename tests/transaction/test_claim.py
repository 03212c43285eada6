"""A key is committed with what it stands for, whatever the handler does to its transaction."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import RedirectResponse
from sqlalchemy import MetaData, text
from sqlalchemy.orm import Session

from holdfast import PUBLIC, AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.testing import fail_next_commit
from tests import asgi
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.store import Base, Item, Store

KEY = {"idempotency-key": "k1"}


@pytest.fixture
async def rig(store: Store) -> AsyncGenerator[Rig]:
    """Give an application whose keys are among the tables of these tests."""
    with opened(store, metadata=Base.metadata) as rig:
        await prepare(rig)
        yield rig


async def prepare(rig: Rig) -> None:
    """Give an empty table of keys."""
    rig.alchemy.idempotency(principal=PUBLIC)
    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")


def keys(rig: Rig, **options: Any) -> Any:
    return Depends(rig.alchemy.idempotency(**{"principal": PUBLIC, **options}))


def code(recording: Recording) -> tuple[int, str]:
    kind: str = recording.json["type"]
    return recording.status, kind.removeprefix("urn:holdfast:problem:")


async def add(session: Any, name: str) -> None:
    await on_session(session, lambda one: one.add(Item(name=name)))


@pytest.mark.parametrize("commit", ["boundary", "handler"])
async def test_a_rollback_in_the_handler_does_not_lose_the_key(rig: Rig, commit: str) -> None:
    """A handler that takes back its first try and commits a second is not executed twice."""
    executed: list[str] = []

    @rig.app.post("/", dependencies=[keys(rig)])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
        executed.append(f"row {len(executed)}")
        await add(session, "first try")
        await on_session(session, Session.rollback)
        await add(session, executed[-1])
        if commit == "handler":
            await on_session(session, Session.commit)
        return executed[-1]

    first, again = await rig.call(headers=KEY), await rig.call(headers=KEY)
    assert (first.json, again.json, again.status) == ("row 0", "row 0", 200)
    assert rig.store.names == {"row 0"}
    rig.assert_clean(again)


@pytest.mark.parametrize("commit", ["boundary", "handler"])
@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_a_key_lost_to_another_request_undoes_the_second_try(rig: Rig, commit: str) -> None:
    """Who rolls back and finds the key taken by then commits nothing, and is told to come back."""
    rolled_back, go_on = asyncio.Event(), asyncio.Event()
    executed: list[str] = []

    @rig.app.post("/", dependencies=[keys(rig)])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
        executed.append(f"row {len(executed)}")
        name = executed[-1]
        if name == "row 0":
            await on_session(session, Session.rollback)
            rolled_back.set()
            await go_on.wait()
        await add(session, name)
        if commit == "handler":
            await on_session(session, Session.commit)
        return name

    slow = asyncio.create_task(rig.call(headers=KEY))
    await rolled_back.wait()
    fast = await rig.call(headers=KEY)
    go_on.set()
    assert code(await slow) == (409, "idempotency-key-in-progress")
    assert fast.json == "row 1"
    assert rig.store.names == {"row 1"}


@pytest.mark.parametrize("store", ["aiosqlite", "asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_a_request_can_be_cancelled_while_it_waits_for_its_key(rig: Rig) -> None:
    """It ends as cancelled, and leaves no connection behind."""
    entered, leave, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @rig.app.post("/", dependencies=[keys(rig)])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
        await add(session, "new")
        entered.set()
        await leave.wait()
        return "done"

    first = asyncio.create_task(rig.call(headers=KEY))
    await entered.wait()
    second = asyncio.create_task(rig.call(headers=KEY, cancel=asgi.Cancel("native", cancelled)))
    await asyncio.sleep(0.2)
    cancelled.set()
    assert isinstance((await second).error, asyncio.CancelledError)
    leave.set()
    assert (await first).json == "done"
    await until(lambda: rig.store.checked_out == 0)


async def test_what_follows_a_commit_is_not_committed_with_the_key(rig: Rig) -> None:
    """A handler that commits, writes on and fails keeps what it committed, and no more."""

    @rig.app.post("/", dependencies=[keys(rig)])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await add(session, "committed")
        await on_session(session, Session.commit)
        await add(session, "left over")
        await on_session(session, Session.flush)
        raise HTTPException(404)

    assert (await rig.call(headers=KEY)).status == 404
    assert rig.store.names == {"committed"}
    assert code(await rig.call(headers=KEY)) == (409, "idempotency-answer-not-kept")


@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_an_answer_that_cannot_be_stored_is_given_all_the_same(store: Store) -> None:
    """In manual mode the handler's commit stands, so losing the database after it is no failure."""
    with opened(store, commit_mode="manual", metadata=Base.metadata) as rig:
        await prepare(rig)

        @rig.app.post("/", dependencies=[keys(rig)])
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
            await add(session, "committed")
            await on_session(session, Session.commit)
            await on_session(session, lambda one: one.scalar(text("SELECT 1")))
            server: Any = store.database.server
            await asyncio.to_thread(server.terminate_backends, store.database.name)
            return "done"

        assert (await rig.call(headers=KEY)).json == "done"
        assert rig.store.names == {"committed"}
        assert code(await rig.call(headers=KEY)) == (409, "idempotency-answer-not-kept")


async def test_a_redirect_that_commits_is_kept(store: Store) -> None:
    """Where redirects commit, they are repeated like any other answer."""
    mode = "autocommit_include_redirect"
    with opened(store, commit_mode=mode, metadata=Base.metadata) as rig:
        await prepare(rig)

        @rig.app.post("/", dependencies=[keys(rig)])
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> Any:
            await add(session, "new")
            return RedirectResponse("/items/1", 303)

        first, again = await rig.call(headers=KEY), await rig.call(headers=KEY)
        assert (first.status, again.status) == (303, 303)
        assert again.headers["location"] == "/items/1"


async def test_a_part_of_a_commit_is_not_repeated_as_a_success(tmp_path: Path) -> None:
    """Where a second database refuses, the answer that was withheld is not given later either."""
    configs = [
        SQLAlchemyAsyncConfig(
            bind_key=name,
            connection_string=f"sqlite+aiosqlite:///{tmp_path / name}",
            commit_mode="autocommit",
            create_all=True,
            metadata=MetaData(),
        )
        for name in ("one", "two")
    ]
    app = FastAPI()
    alchemy = AdvancedAlchemy(configs, app=app)

    @app.post("/", dependencies=[Depends(alchemy.idempotency(principal=PUBLIC, key="one"))])
    async def write(
        one: Annotated[Any, Depends(alchemy.provide_session("one"))],
        two: Annotated[Any, Depends(alchemy.provide_session("two"))],
    ) -> str:
        for session in (one, two):
            await session.execute(text("CREATE TABLE IF NOT EXISTS made (id INTEGER)"))
            await session.execute(text("INSERT INTO made VALUES (1)"))
        return "done"

    async def post(key: str) -> Recording:
        return await asgi.request(app, "POST", headers={"idempotency-key": key})

    async with alchemy.lifespan(app):
        with fail_next_commit(configs[1]):
            assert code(await post("k1")) == (500, "partial-commit")
        assert code(await post("k1")) == (409, "idempotency-answer-not-kept")
        first, again = await post("k2"), await post("k2")
        assert (first.json, again.json) == ("done", "done")
        assert again.headers["idempotency-replayed"] == "true"
