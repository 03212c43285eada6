"""Idempotency keys: one execution, one answer, and no word of it to anybody else."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Response, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import MetaData, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from holdfast import PUBLIC, after_commit, errors, problems
from tests import asgi
from tests.engines.postgres import PostgresServer
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.store import Base, Item, Store

JSON = {"content-type": "application/json"}


def caller(x_user: Annotated[str | None, Header()] = None) -> str:
    """Give the id of the caller."""
    if x_user is None:
        raise HTTPException(401)
    return x_user


class Service:
    """A route that adds a row, honours keys, and counts how often it was executed."""

    def __init__(self, rig: Rig, **options: Any) -> None:
        self.rig = rig
        self.executed = 0
        self.work: Callable[[Any, str], Any] = lambda _, name: {"name": name}
        keys = rig.alchemy.idempotency(**{"principal": PUBLIC, **options})

        @rig.app.post("/items", status_code=201, dependencies=[Depends(keys)])
        async def add(
            data: dict[str, str],
            response: Response,
            session: Annotated[Any, Depends(rig.alchemy.provide_session())],
        ) -> Any:
            self.executed += 1
            response.headers["x-executed"] = str(self.executed)
            await on_session(session, lambda one: one.add(Item(name=data["name"])))
            return self.work(session, data["name"])

    async def post(self, key: str | None, name: str = "new", **headers: str) -> Recording:
        sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key is not None:
            sent["idempotency-key"] = key
        body = json.dumps({"name": name}).encode()
        return await self.rig.call("/items", body=body, headers=sent)


def problem(recording: Recording) -> tuple[int, str]:
    kind: str = recording.json["type"]
    return recording.status, kind.removeprefix("urn:holdfast:problem:")


@pytest.fixture
async def service(rig: Rig) -> Service:
    """Give a service with its table of keys."""
    service = Service(rig)
    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    return service


@pytest.fixture
async def rig(store: Store) -> AsyncGenerator[Rig]:
    """Give an application whose keys are among the tables of these tests."""
    with opened(store, metadata=Base.metadata) as rig:
        yield rig


async def test_a_repetition_is_answered_byte_for_byte(service: Service) -> None:
    """Status, headers and body are the first time's, and one more header says so."""
    first = await service.post("k1")
    again = await service.post("k1")
    assert (first.status, again.status, service.executed) == (201, 201, 1)
    assert again.body == first.body
    assert {**first.headers, "idempotency-replayed": "true"} == again.headers
    assert service.rig.store.names == {"new"}
    service.rig.assert_clean(again)


async def test_without_a_key_every_request_is_executed(service: Service) -> None:
    """Keys are the client's to use or not."""
    assert (await service.post(None, "a")).status == 201
    assert (await service.post(None, "b")).status == 201
    assert service.executed == 2


async def test_another_content_under_the_key_is_refused(service: Service) -> None:
    """A key stands for one request; what was sent under it before is not shown."""
    await service.post("k1", "a")
    other = await service.post("k1", "b")
    assert problem(other) == (422, "idempotency-key-reused")
    assert service.rig.store.names == {"a"}


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_a_query_of_any_bytes_has_a_fingerprint(service: Service) -> None:
    """A query that is no UTF-8 is content as any other is."""

    async def with_bytes(scope: Any, receive: Any, send: Any) -> None:
        await service.rig.app({**scope, "query_string": b"\xff"}, receive, send)

    sent: dict[str, Any] = {"json": {"name": "a"}, "headers": {"idempotency-key": "k1"}}
    assert (await service.rig.call("/items", app=with_bytes, **sent)).status == 201
    assert (await service.rig.call("/items", app=with_bytes, **sent)).status == 201
    assert problem(await service.rig.call("/items", **sent)) == (422, "idempotency-key-reused")
    assert service.executed == 1


@pytest.mark.parametrize(
    ("values", "required", "expected"),
    [
        ([], True, "idempotency-key-missing"),
        ([""], False, "idempotency-key-invalid"),
        (["x" * 300], False, "idempotency-key-invalid"),
        (["caf\xe9"], False, "idempotency-key-invalid"),
        (["a\tb"], False, "idempotency-key-invalid"),
        (["a", "a"], False, "idempotency-key-invalid"),
    ],
)
@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_a_bad_key_is_a_400(
    rig: Rig, values: list[str], required: bool, expected: str
) -> None:
    """Missing, empty, long, non-ASCII, unprintable or repeated: a sentence says what is taken."""
    service = Service(rig, required=required)
    await rig.alchemy.get_config().create_all_metadata()
    service_app = rig.app

    async def with_headers(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["headers"] += [(b"idempotency-key", value.encode("latin-1")) for value in values]
        await service_app(scope, receive, send)

    recording = await rig.call("/items", body=b'{"name": "new"}', headers=JSON, app=with_headers)
    assert problem(recording) == (400, expected)
    assert recording.headers["content-type"] == "application/problem+json"
    assert service.executed == 0


@pytest.mark.parametrize("commit", ["boundary", "handler"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_key_where_none_is_taken_is_a_400(rig: Rig, method: str, commit: str) -> None:
    """A client that relies on its key is not left in the belief that it has been heard."""

    @rig.app.api_route("/", methods=[method])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))
        if commit == "handler":
            await on_session(session, Session.commit)

    recording = await rig.call(method=method, headers={"idempotency-key": "k1"})
    assert problem(recording) == (400, "idempotency-key-unsupported")
    assert rig.store.names == set()
    rig.assert_clean(recording)


async def test_what_was_not_committed_is_not_stored(service: Service) -> None:
    """An answer that undid everything is no answer to repeat: the next request is executed."""

    def refuse(_: Any, __: str) -> Any:
        return JSONResponse("no", 402)

    service.work = refuse
    assert (await service.post("k1")).status == 402
    service.work = lambda _, name: name
    assert (await service.post("k1")).status == 201
    assert (await service.post("k1")).headers["idempotency-replayed"] == "true"
    assert service.executed == 2
    assert service.rig.store.names == {"new"}


async def test_a_conflict_is_not_stored_either(service: Service) -> None:
    """A broken constraint rolls the claim back with the rest."""
    assert (await service.post("k1", "taken")).status == 409
    service.rig.store.database.query("UPDATE item SET name = 'free' WHERE name = 'taken'")
    assert (await service.post("k1", "taken")).status == 201


@pytest.mark.parametrize("how", ["stream", "large", "cookie"])
async def test_an_answer_that_cannot_be_kept_repeats_as_409(service: Service, how: str) -> None:
    """Executed once; what cannot be told again is said to be so, and is not executed again."""

    async def parts() -> Any:
        yield "a"
        yield "b"

    def work(_: Any, __: str) -> Response:
        if how == "stream":
            return StreamingResponse(parts(), 201)
        headers = {"set-cookie": "session=secret"} if how == "cookie" else None
        return JSONResponse("x" * (300_000 if how == "large" else 1), 201, headers)

    service.work = work
    assert (await service.post("k1")).status == 201
    again = await service.post("k1")
    assert problem(again) == (409, "idempotency-answer-not-kept")
    assert again.json["committed"] is True
    assert service.executed == 1
    assert "retry-after" not in again.headers


@pytest.mark.parametrize("store", ["aiosqlite", "asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_the_body_of_a_generator_endpoint_follows_the_start(rig: Rig) -> None:
    """With a key as without, its body reads after the commit, and does not wait for itself."""

    @rig.app.post("/", dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])
    async def lines(
        session: Annotated[AsyncSession, Depends(rig.alchemy.provide_session())],
    ) -> AsyncIterable[list[str]]:
        yield [*await session.scalars(select(Item.name))]

    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    rig.happened.clear()
    async with asyncio.timeout(5):
        recording = await rig.call(headers={"idempotency-key": "k1"})
    assert recording.json == ["taken"]
    assert rig.happened == ["COMMIT", "start 200", "COMMIT"]
    again = await rig.call(headers={"idempotency-key": "k1"})
    assert problem(again) == (409, "idempotency-answer-not-kept")


@pytest.mark.parametrize("store", ["aiosqlite", "asyncpg"], indirect=True)
async def test_a_stream_writes_nothing_into_the_transaction_of_its_key(rig: Rig) -> None:
    """What the body of a stream adds is refused, with a key as without."""

    @rig.app.post("/", dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])
    async def stream(
        session: Annotated[AsyncSession, Depends(rig.alchemy.provide_session())],
    ) -> StreamingResponse:
        async def body() -> AsyncGenerator[bytes]:
            with pytest.raises(errors.ResponseStartedError):
                await session.execute(insert(Item).values(name="late"))
            yield b"refused"

        return StreamingResponse(body())

    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    assert (await rig.call(headers={"idempotency-key": "k1"})).body == b"refused"
    assert rig.store.names == set()


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_an_answer_without_a_body_is_kept(rig: Rig) -> None:
    """A 204 has no length, and is no stream."""

    @rig.app.delete(
        "/", status_code=204, dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))]
    )
    async def remove(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await session.execute(delete(Item))

    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    for replayed in (None, "true"):
        recording = await rig.call(method="DELETE", headers={"idempotency-key": "k1"})
        assert (recording.status, recording.headers.get(REPLAYED)) == (204, replayed)


async def test_concurrent_duplicates_are_executed_once(service: Service) -> None:
    """Of equal requests at once one is executed; the others wait for its answer, or are told to."""
    found = await asyncio.gather(*(service.post("k1") for _ in range(6)))
    statuses = Counter(one.status for one in found)
    assert statuses.keys() <= {201, 409, 503}
    assert service.rig.store.names == {"new"}
    fresh = [one for one in found if one.status == 201 and one.headers.get(REPLAYED) is None]
    assert len(fresh) == 1
    for refused in (one for one in found if one.status != 201):
        assert refused.headers["retry-after"] == "1"
    assert (await service.post("k1")).headers[REPLAYED] == "true"


REPLAYED = "idempotency-replayed"


@pytest.mark.parametrize("store", ["psycopg-sync", "pysqlite"], indirect=True)
async def test_waiting_for_keys_does_not_keep_others_from_committing(service: Service) -> None:
    """Many more requests than connections, on a sync engine: none waits in vain for a thread."""
    found = await asyncio.gather(*(service.post(f"k{n}", f"row {n}") for n in range(60)))
    statuses = Counter(one.status for one in found)
    # On a busy machine some may have to wait too long for a connection, but never for a thread.
    assert statuses.keys() <= {201, 503}
    assert statuses[201] > 45


@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_waiting_for_another_request_ends(rig: Rig) -> None:
    """A request whose key is long in use is answered 409, and may come back."""
    service = Service(rig, wait=1)
    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    entered, leave = asyncio.Event(), asyncio.Event()

    @rig.app.post(
        "/slow", dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC, wait=1))]
    )
    async def slow(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
        await on_session(session, lambda one: one.add(Item(name="slow")))
        entered.set()
        await leave.wait()
        return "done"

    headers = {"idempotency-key": "k1"}
    first = asyncio.create_task(rig.call("/slow", headers=headers))
    await entered.wait()
    second = await rig.call("/slow", headers=headers)
    leave.set()
    assert problem(second) == (409, "idempotency-key-in-progress")
    assert second.headers["retry-after"] == "1"
    assert (await first).status == 200
    assert (await rig.call("/slow", headers=headers)).headers[REPLAYED] == "true"
    assert service.executed == 0
    rig.assert_clean(second)


async def test_keys_belong_to_their_principal(rig: Rig) -> None:
    """Another caller's equal key is another key: it shows him nothing and blocks nobody."""
    service = Service(rig, principal=caller)
    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    mine = await service.post("k1", "a", x_user="ann")
    his = await service.post("k1", "b", x_user="bob")
    again = await service.post("k1", "a", x_user="ann")
    assert (mine.json, his.json, again.json) == ({"name": "a"}, {"name": "b"}, {"name": "a"})
    assert service.executed == 2
    assert (await service.post("k1", "a")).status == 401
    stored = rig.store.database.query("SELECT * FROM holdfast_idempotency")
    assert "ann" not in str(stored)
    assert "k1" not in str(stored)


@pytest.mark.parametrize("given", [None, object(), 1.5, True])
@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_a_principal_without_an_id_is_the_developers_mistake(rig: Rig, given: Any) -> None:
    """What has no text of its own would be a new caller each time, and never a repetition."""
    service = Service(rig, principal=lambda: given)
    await rig.alchemy.get_config().create_all_metadata()
    recording = await service.post("k1")
    assert isinstance(recording.error, errors.ConfigurationError)
    assert "Return the caller's id" in str(recording.error)
    assert service.executed == 0


async def test_an_expired_key_is_free_again(rig: Rig) -> None:
    """After its lifetime a key stands for the next request, whatever its content."""
    service = Service(rig, lifetime=1)
    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    await service.post("k1", "a")
    rig.store.database.query("UPDATE holdfast_idempotency SET expires_at = 1")
    assert (await service.post("k1", "b")).json == {"name": "b"}
    assert (await service.post("k1", "b")).headers[REPLAYED] == "true"
    assert service.executed == 2


@pytest.mark.parametrize("store", ["asyncpg", "psycopg"], indirect=True)
async def test_an_expired_key_is_taken_by_one_of_several(service: Service) -> None:
    """Of requests that all find the key expired one is executed, and the others get its answer."""
    await service.post("k1")
    database = service.rig.store.database
    database.query("UPDATE holdfast_idempotency SET expires_at = 1")
    service.work = lambda _, name: name
    database.query("DELETE FROM item")
    assert isinstance(database.server, PostgresServer)
    with database.server.connect(database.name) as other, other.transaction():
        # They have read the row, and wait to change it.
        other.execute("SELECT * FROM holdfast_idempotency FOR UPDATE")
        requests = [asyncio.create_task(service.post("k1")) for _ in range(3)]
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await until(lambda: database.query(waiting) == [(3,)])
    found = await asyncio.gather(*requests)
    assert sorted(one.headers.get(REPLAYED, "") for one in found) == ["", "true", "true"]
    assert service.executed == 2


async def test_expired_keys_are_purged(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that nobody uses any more goes, in the wake of another request."""
    await service.post("k1", "a")
    service.rig.store.database.query("UPDATE holdfast_idempotency SET expires_at = 1")
    now = time.monotonic()
    monkeypatch.setattr("holdfast.wiring.idempotency.time.monotonic", lambda: now + 100)
    await service.post("k2", "b")
    assert service.rig.store.database.query("SELECT count(*) FROM holdfast_idempotency") == [(1,)]


async def test_hooks_do_not_run_for_a_repetition(service: Service) -> None:
    """What followed the commit followed it once."""
    ran: list[str] = []

    def register(session: Any, name: str) -> str:
        after_commit(session, ran.append, name)
        return name

    service.work = register
    await service.post("k1")
    await service.post("k1")
    assert ran == ["new"]


async def test_manual_mode_stores_what_the_handler_commits(store: Store) -> None:
    """The handler's own commit makes the claim durable; the answer follows it."""
    with opened(store, commit_mode="manual", metadata=Base.metadata) as rig:
        keys = Depends(rig.alchemy.idempotency(principal=PUBLIC))
        executed: list[str] = []

        @rig.app.post("/{commit}", dependencies=[keys])
        async def write(
            commit: int, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
        ) -> str:
            executed.append(f"{commit}")
            if commit:
                await on_session(session, lambda one: one.add(Item(name="new")))
                await on_session(session, Session.commit)
            return "done"

        await rig.alchemy.get_config().create_all_metadata()
        store.database.query("DELETE FROM holdfast_idempotency")
        headers = {"idempotency-key": "k1"}
        for path in ("/1", "/1", "/0", "/0"):
            assert (await rig.call(path, headers=headers)).json == "done"
        # Without a commit there is nothing to tell a repetition from.
        assert executed == ["1", "0", "0"]
        assert rig.store.names == {"new"}


async def test_a_commit_before_a_failure_is_remembered(store: Store) -> None:
    """Committed by the handler, then failed: executed, and no answer that could be repeated."""
    with opened(store, metadata=Base.metadata) as rig:
        service = Service(rig)
        await rig.alchemy.get_config().create_all_metadata()
        store.database.query("DELETE FROM holdfast_idempotency")

        @rig.app.post("/", dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
            service.executed += 1
            await on_session(session, lambda one: one.add(Item(name="new")))
            await on_session(session, Session.commit)
            raise HTTPException(500)

        headers = {"idempotency-key": "k1"}
        assert (await rig.call(headers=headers)).status == 500
        assert problem(await rig.call(headers=headers)) == (409, "idempotency-answer-not-kept")
        assert service.executed == 1


async def test_a_large_body_is_refused(service: Service) -> None:
    """What is not kept cannot be compared with a repetition."""
    recording = await service.post("k1", "x" * 1_100_000)
    assert problem(recording) == (413, "idempotency-body-too-large")
    assert service.executed == 0


async def test_a_body_that_nobody_reads_counts_too(rig: Rig) -> None:
    """A handler without a body parameter is not executed for another content either."""
    keys = Depends(rig.alchemy.idempotency(principal=PUBLIC))

    @rig.app.post("/", dependencies=[keys])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))

    await rig.alchemy.get_config().create_all_metadata()
    rig.store.database.query("DELETE FROM holdfast_idempotency")
    headers = {"idempotency-key": "k1"}
    assert (await rig.call(body=[b"a", b"b"], headers=headers)).status == 200
    assert (await rig.call(body=b"ab", headers=headers)).headers[REPLAYED] == "true"
    assert (await rig.call(body=b"ac", headers=headers)).status == 422


@pytest.mark.parametrize("store", ["aiosqlite", "pysqlite", "asyncpg"], indirect=True)
async def test_a_missing_table_is_found_at_start_up(store: Store) -> None:
    """An application that honours keys does not start without their table."""
    with opened(store, metadata=Base.metadata) as rig:
        rig.alchemy.idempotency(principal=PUBLIC)
        store.database.query("DROP TABLE IF EXISTS holdfast_idempotency")
        with pytest.raises(errors.ConfigurationError, match="create_all=True"):
            async with rig.alchemy.lifespan(rig.app):
                pass


@pytest.mark.parametrize("store", ["asyncpg", "psycopg-sync"], indirect=True)
async def test_the_table_is_in_the_schema_of_its_metadata(store: Store) -> None:
    """Where tables have a schema by default the keys are there too, for any number of routes."""
    store.database.query("CREATE SCHEMA IF NOT EXISTS shop")
    with opened(store, metadata=MetaData(schema="shop"), create_all=True) as rig:
        service = Service(rig)
        rig.alchemy.idempotency(principal=caller, wait=1)
        await rig.alchemy.on_startup()
        await rig.alchemy.prepare()
        await service.post("k1")
        assert (await service.post("k1")).headers[REPLAYED] == "true"
    store.database.query("DROP SCHEMA shop CASCADE")


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_the_document_says_it(rig: Rig) -> None:
    """The header and the problems of a route are in its OpenAPI document."""
    Service(rig)
    operation = rig.app.openapi()["paths"]["/items"]["post"]
    [header] = operation["parameters"]
    assert (header["name"], header["in"]) == ("Idempotency-Key", "header")
    assert "400" in operation["responses"]
    assert "409" in operation["responses"]


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_two_dependencies_for_keys_are_the_developers_mistake(rig: Rig) -> None:
    """Whose would the key be? Neither request is executed, and the message says what to do."""
    router = APIRouter(dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])
    inner = Depends(rig.alchemy.idempotency(principal=caller, required=True))

    @router.post("/", dependencies=[inner])
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        session.add(Item(name="new"))

    rig.app.include_router(router)
    await rig.alchemy.get_config().create_all_metadata()
    for headers in ({"idempotency-key": "k1"}, {}):
        recording = await rig.call(headers={**headers, "x-user": "ann"})
        assert isinstance(recording.error, errors.ConfigurationError)
        assert str(recording.error).endswith("leave the other one out.")
    assert rig.store.names == set()


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_websockets_of_a_router_that_takes_keys_are_left_alone(rig: Rig) -> None:
    """Whatever the client sends as a key: a socket is no operation that could be repeated."""
    router = APIRouter(dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])

    @router.websocket("/socket")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    rig.app.include_router(router)
    await rig.alchemy.get_config().create_all_metadata()
    for headers in ({"idempotency-key": "k1"}, {}):
        recording = await asgi.websocket(rig.app, "/socket", headers=headers)
        assert recording.error is None
        assert recording.types[0] == "websocket.accept"


async def test_equal_arguments_give_one_dependency(rig: Rig) -> None:
    """The same declaration on several routes is the same function."""
    one = rig.alchemy.idempotency(principal=caller)
    assert rig.alchemy.idempotency(principal=caller) is one
    assert rig.alchemy.idempotency(principal=PUBLIC) is not one


@pytest.mark.parametrize("store", ["aiosqlite"], indirect=True)
async def test_installed_problems_leave_replays_alone(store: Store) -> None:
    """Handlers for every error, a mounted application included, do not come between."""
    with opened(store, metadata=Base.metadata) as rig:
        problems.install(rig.app)

        @rig.app.exception_handler(Exception)
        async def catch_all(_: Any, __: Exception) -> JSONResponse:
            return JSONResponse("caught", 500)

        inner = FastAPI()
        rig.app.mount("/sub", inner)

        @inner.post("/", dependencies=[Depends(rig.alchemy.idempotency(principal=PUBLIC))])
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> str:
            await on_session(session, lambda one: one.add(Item(name="new")))
            return "done"

        await rig.alchemy.get_config().create_all_metadata()
        headers = {"idempotency-key": "k1"}
        assert (await rig.call("/sub/", headers=headers)).json == "done"
        again = await rig.call("/sub/", headers=headers)
        assert (again.json, again.headers[REPLAYED]) == ("done", "true")
