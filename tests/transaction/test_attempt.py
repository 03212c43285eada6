"""A request whose transaction met a concurrent change runs again, whole, where that is safe."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse

from holdfast import AdvancedAlchemy
from holdfast.transaction.retry import Retry
from tests import asgi
from tests.transaction.rig import Rig, on_session, opened
from tests.transaction.store import Item, Store

JSON = {"content-type": "application/json"}

pytestmark = pytest.mark.parametrize("store", ["asyncpg", "psycopg", "psycopg-sync"], indirect=True)


class Race:
    """A handler that loses a real race in its first attempts, and what it saw of them."""

    def __init__(self, rig: Rig, losses: int = 1) -> None:
        self.rig = rig
        self.losses = losses
        self.attempts = 0
        rig.store.database.query("INSERT INTO item (id, name) VALUES (500, 'counter')")

    def run(self, session: Session) -> None:
        """Write what another connection has changed since this one looked."""
        self.attempts += 1
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        item = session.scalars(select(Item).where(Item.id == 500)).one()
        if self.attempts <= self.losses:
            self.rig.store.database.query(
                f"UPDATE item SET name = 'stolen {self.attempts}' WHERE id = 500"
            )
        item.name = f"written in attempt {self.attempts}"
        session.flush()

    async def __call__(self, session: Any) -> None:
        await on_session(session, self.run)


def provided(rig: Rig) -> Any:
    return Depends(rig.alchemy.provide_session())


def retrying(rig: Rig, **options: Any) -> dict[str, Any]:
    return {"dependencies": [Depends(rig.alchemy.options(**{"retry": True, **options}))]}


async def test_a_route_that_opts_in_runs_again(rig: Rig) -> None:
    """The second attempt is committed and answered; of the first nothing is left."""
    race = Race(rig)

    @rig.app.post("/", status_code=201, **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> int:
        await race(session)
        return race.attempts

    recording = await rig.call()
    assert (recording.status, recording.json, race.attempts) == (201, 2, 2)
    assert rig.store.names == {"written in attempt 2"}
    assert rig.happened == ["COMMIT", "start 201"]
    rig.assert_clean(recording)


async def test_a_write_that_does_not_opt_in_is_answered_503(rig: Rig) -> None:
    """Nobody but its author knows what else a handler does, so it runs once."""
    race = Race(rig)

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        await race(session)

    recording = await rig.call()
    assert (recording.status, race.attempts) == (503, 1)
    assert recording.headers["retry-after"] == "1"
    rig.assert_clean(recording)


async def test_a_safe_method_runs_again_by_itself(rig: Rig) -> None:
    """A GET asks for no change, so it may be repeated without being asked."""
    race = Race(rig)

    @rig.app.get("/")
    async def read(session: Annotated[Any, provided(rig)]) -> int:
        await race(session)
        return race.attempts

    recording = await rig.call(method="GET")
    assert (recording.status, recording.json) == (200, 2)
    rig.assert_clean(recording)


@pytest.mark.parametrize("where", ["extension", "route"])
async def test_retries_can_be_turned_off(store: Store, where: str) -> None:
    """`retry=None` on the extension and `retry=False` on a route both mean once."""
    options: dict[str, Any] = {"retry": None} if where == "extension" else {}
    with opened(store, **options) as rig:
        race = Race(rig)
        route = {} if where == "extension" else retrying(rig, retry=False)

        @rig.app.get("/", **route)
        async def read(session: Annotated[Any, provided(rig)]) -> None:
            await race(session)

        recording = await rig.call(method="GET")
        assert (recording.status, race.attempts) == (503, 1)


async def test_attempts_are_bounded(rig: Rig) -> None:
    """When the last attempt loses as well, the client is told to come back."""
    race = Race(rig, losses=10)

    @rig.app.post("/", **retrying(rig, retry=Retry(attempts=3)))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        await race(session)

    recording = await rig.call()
    assert (recording.status, race.attempts) == (503, 3)
    assert recording.json["type"] == "urn:holdfast:problem:serialization-failure"
    rig.assert_clean(recording)


async def test_no_attempt_begins_past_the_deadline(rig: Rig) -> None:
    """A deadline of nothing leaves the first attempt alone."""
    race = Race(rig, losses=10)

    @rig.app.post("/", **retrying(rig, retry=Retry(deadline=0)))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        await race(session)

    recording = await rig.call()
    assert (recording.status, race.attempts) == (503, 1)


async def test_a_conflict_at_commit_runs_again(rig: Rig) -> None:
    """PostgreSQL finds a write skew only as it commits; then nothing was sent yet either."""
    rig.store.database.query("INSERT INTO item (id, name) VALUES (1, 'a'), (2, 'b')")
    attempts = 0

    def skew(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        session.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        session.execute(select(Item.name)).all()
        if attempts == 1:
            # What it read is written by another that read what this one writes.
            rig.store.database.query(
                "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM item; "
                "UPDATE item SET name = 'skewed' WHERE id = 2; COMMIT"
            )
        session.execute(update(Item).where(Item.id == 1).values(name=f"attempt {attempts}"))

    @rig.app.post("/", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        await on_session(session, skew)

    recording = await rig.call()
    assert (recording.status, attempts) == (200, 2)
    assert rig.store.names == {"attempt 2", "skewed"}
    rig.assert_clean(recording)


@pytest.mark.parametrize("how", ["handler", "exception handler", "mounted", "catch-all", "raised"])
async def test_a_conflict_is_seen_whatever_is_made_of_it(rig: Rig, how: str) -> None:
    """An application that turns the database's error into an answer of its own hides nothing."""
    race = Race(rig)
    app = FastAPI() if how == "mounted" else rig.app
    if how == "mounted":
        rig.app.mount("/sub", app)

    async def answer(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse("sorry", 500)

    if how == "exception handler":
        rig.app.exception_handler(DBAPIError)(answer)
    if how == "catch-all":
        rig.app.exception_handler(Exception)(answer)

    @app.post("/", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> Any:
        try:
            await race(session)
        except DBAPIError as error:
            if how == "handler":
                return JSONResponse("sorry", 500)
            if how == "raised":
                raise ValueError("quite another error") from error
            raise
        return race.attempts

    recording = await rig.call("/sub/" if how == "mounted" else "/")
    assert (recording.status, recording.json) == (200, 2)
    rig.assert_clean(recording)


async def test_an_attempt_starts_from_what_arrived(rig: Rig) -> None:
    """Body, state, scope, dependencies and session of an attempt are new ones."""
    race = Race(rig)
    seen: list[Any] = []
    entered: list[str] = []

    async def resource(request: Request) -> AsyncGenerator[object]:
        entered.append("in")
        yield object()
        entered.append("out")

    app = FastAPI()
    rig.app.mount("/sub", app)

    @app.post("/items", **retrying(rig))
    async def write(
        request: Request,
        data: dict[str, int],
        one: Annotated[object, Depends(resource)],
        session: Annotated[Any, provided(rig)],
    ) -> int:
        left = request.scope["state"].setdefault("left", [])
        seen.append((data, len(left), request.url.path, one, session))
        left.append(1)
        data["a"] += 1
        await race(session)
        return race.attempts

    recording = await rig.call("/sub/items", body=[b'{"a"', b": 1}"], headers=JSON)
    assert (recording.status, recording.json) == (200, 2)
    (first, second) = seen
    assert [one[1:3] for one in seen] == [(0, "/sub/items")] * 2
    assert first[3] is not second[3]
    assert first[4] is not second[4]
    assert entered.count("in") == 2
    assert entered[-1] == "out"
    rig.assert_clean(recording)


async def test_middleware_sees_the_last_attempt(rig: Rig) -> None:
    """What lies outside reads route and state from the scope it passed in."""
    race = Race(rig)
    outside: dict[str, Any] = {}

    class Outside:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["state"]["from"] = "outside"
            state = scope.get("state")
            await self.app(scope, receive, send)
            outside.update(route=scope["route"].path, state=dict(state))

    rig.app.add_middleware(Outside)

    @rig.app.post("/items", **retrying(rig))
    async def write(request: Request, session: Annotated[Any, provided(rig)]) -> None:
        await race(session)
        request.state.attempt = race.attempts

    await rig.call("/items")
    assert outside == {"route": "/items", "state": {"from": "outside", "attempt": 2}}


@pytest.mark.parametrize("how", ["session", "transaction", "block session"])
async def test_nothing_is_repeated_once_anything_was_committed(rig: Rig, how: str) -> None:
    """A handler that has committed on any session is never run again."""
    race = Race(rig)
    is_async = rig.store.database.is_async

    @rig.app.post("/", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        def commit(sync_session: Session) -> None:
            sync_session.add(Item(name="kept"))
            sync_session.commit()

        if how == "session":
            await on_session(session, commit)
        elif is_async and how == "transaction":
            async with rig.alchemy.transaction() as own:
                own.add(Item(name="kept"))
        elif is_async:
            async with rig.alchemy.session() as own:
                await own.run_sync(commit)
        elif how == "transaction":
            with rig.alchemy.transaction() as own_sync:
                own_sync.add(Item(name="kept"))
        else:
            with rig.alchemy.session() as own_sync:
                commit(own_sync)
        await race(session)

    recording = await rig.call()
    assert (recording.status, race.attempts) == (503, 1)
    assert rig.store.names == {"kept", "stolen 1"}
    rig.assert_clean(recording)


async def test_a_body_above_the_limit_is_not_repeated(rig: Rig) -> None:
    """More than a mebibyte is not kept, so there is nothing to run the request with."""
    race = Race(rig)

    @rig.app.post("/", **retrying(rig))
    async def write(request: Request, session: Annotated[Any, provided(rig)]) -> int:
        size = len(await request.body())
        await race(session)
        return size

    recording = await rig.call(body=[b"x" * 700_000, b"x" * 700_000])
    assert (recording.status, race.attempts) == (503, 1)
    race.attempts = 0
    recording = await rig.call(body=[b"x" * 500_000, b"x" * 500_000])
    assert (recording.status, recording.json, race.attempts) == (200, 1_000_000, 2)


async def test_a_started_answer_is_not_repeated(rig: Rig) -> None:
    """A stream that meets a conflict after its first byte breaks off, once."""
    race = Race(rig)

    @rig.app.post("/", **retrying(rig))
    async def stream(session: Annotated[Any, provided(rig)]) -> StreamingResponse:
        async def parts() -> AsyncGenerator[str]:
            yield "first"
            if rig.store.database.is_async:
                async with rig.alchemy.transaction() as own:
                    await race(own)
            else:
                with rig.alchemy.transaction() as own_sync:
                    race.run(own_sync)

        return StreamingResponse(parts())

    recording = await rig.call()
    assert (recording.status, recording.body, race.attempts) == (200, b"first", 1)
    assert isinstance(recording.error, DBAPIError)


async def test_another_failure_is_not_repeated(rig: Rig) -> None:
    """A broken constraint breaks again, so it is answered at once."""
    attempts = 0

    @rig.app.post("/", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        nonlocal attempts
        attempts += 1
        await on_session(session, lambda one: one.add(Item(name="taken")))

    recording = await rig.call()
    assert (recording.status, attempts) == (409, 1)


async def test_background_tasks_run_for_the_last_attempt_only(rig: Rig) -> None:
    """What an attempt that failed had asked for does not happen."""
    race = Race(rig)
    ran: list[int] = []

    async def note(attempt: int) -> None:
        ran.append(attempt)

    @rig.app.post("/", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> JSONResponse:
        task = BackgroundTask(note, race.attempts + 1)
        if race.attempts == 0:
            # Found at the flush of the boundary, after the handler has returned.
            await on_session(session, delayed(race))
        else:
            await race(session)
        return JSONResponse(race.attempts, background=task)

    await rig.call()
    assert ran == [2]


def delayed(race: Race) -> Callable[[Session], None]:
    """Let the race be lost when the boundary flushes."""

    def run(session: Session) -> None:
        race.attempts += 1
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        item = session.scalars(select(Item).where(Item.id == 500)).one()
        race.rig.store.database.query("UPDATE item SET name = 'stolen' WHERE id = 500")
        item.name = "late"

    return run


async def test_a_nested_extension_leaves_the_repetition_to_no_one(store: Store) -> None:
    """An extension inside another cannot repeat: the outer one's session would be used twice."""
    with opened(store) as outer:
        inner_app = FastAPI()
        inner = Rig.__new__(Rig)
        inner.store, inner.app, inner.happened = store, inner_app, []
        inner.alchemy = AdvancedAlchemy(store.config(), app=inner_app)
        outer.app.mount("/inner", inner_app)
        race = Race(outer)

        @inner_app.get("/")
        async def read(session: Annotated[Any, provided(inner)]) -> None:
            await race(session)

        recording = await asgi.request(outer.app, "GET", "/inner/")
        assert (recording.status, race.attempts) == (503, 1)
