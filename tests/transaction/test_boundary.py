"""Where the boundary sits, and what it does for WebSockets, mounted applications and lifespans."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection
from starlette.types import Message

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.errors import ConfigurationError, OutsideBoundaryError, UncommittedChangesError
from holdfast.testing import client
from tests import asgi
from tests.engines.database import Database
from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item

some_backends = pytest.mark.parametrize(
    "store", ["aiosqlite", "asyncpg", "pysqlite"], indirect=True
)


def read(session: Any) -> Any:
    """Read something, which takes a connection."""
    return session.scalar(select(Item.id))


def flush(session: Any) -> None:
    """Write a row."""
    session.add(Item(name="new"))
    session.flush()


def serve(rig: Rig, app: FastAPI, name: str = "new") -> None:
    """Give an application a route that writes."""

    @app.post("/write", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name=name)))


# Where it sits


@some_backends
async def test_middleware_added_later_is_outside(rig: Rig) -> None:
    """`add_middleware` inserts at the front, so what users add never sees an uncommitted answer."""
    rig.app.add_middleware(GZipMiddleware)
    rig.app.add_middleware(CORSMiddleware, allow_origins=["*"])
    serve(rig, rig.app)
    assert (await rig.call("/write")).status == 201
    assert rig.happened == ["COMMIT", "start 201"]


@some_backends
async def test_a_boundary_that_is_not_innermost_serves_nothing(rig: Rig) -> None:
    """Start-up fails with a sentence that says what to write; without a lifespan requests do."""
    rig.app.user_middleware.append(Middleware(GZipMiddleware))
    serve(rig, rig.app)
    recording = await rig.call("/write")
    assert isinstance(recording.error, ConfigurationError)
    assert "app.add_middleware" in str(recording.error)
    assert not recording.started or recording.status == 500
    with pytest.raises(Exception, match=r"app\.add_middleware"):
        async with client(rig.app):
            pass
    assert rig.store.names == set()


@some_backends
async def test_a_middleware_outside_has_no_session(rig: Rig) -> None:
    """It is told to open one of its own."""
    seen: list[str] = []

    @rig.app.middleware("http")
    async def look(request: Request, call_next: Any) -> Response:
        try:
            rig.alchemy.get_session(request)
        except OutsideBoundaryError as error:
            seen.append(str(error))
        response: Response = await call_next(request)
        return response

    serve(rig, rig.app)
    assert (await rig.call("/write")).status == 201
    assert len(seen) == 1
    assert "alchemy.session()" in seen[0]


@some_backends
async def test_a_session_of_raw_asgi_is_the_requests_own(rig: Rig) -> None:
    """An ASGI application below the boundary commits by the status it sends."""

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        session = rig.alchemy.get_session(HTTPConnection(scope))
        await on_session(session, flush)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"raw"})

    rig.app.mount("/raw", raw)
    assert (await rig.call("/raw/")).body == b"raw"
    assert rig.happened == ["COMMIT", "start 200"]


@some_backends
async def test_an_application_that_never_answers_is_rolled_back(rig: Rig) -> None:
    """Without a response start nothing was promised, and nothing is kept."""

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await on_session(rig.alchemy.get_session(HTTPConnection(scope)), flush)

    rig.app.mount("/silent", silent)
    recording = await rig.call("/silent/")
    assert not recording.started
    assert rig.store.names == set()
    rig.assert_clean(recording)


@some_backends
async def test_early_hints_are_no_answer(rig: Rig) -> None:
    """Another message before the start passes, and commits nothing."""

    async def hinting(scope: Any, receive: Any, send: Any) -> None:
        await on_session(rig.alchemy.get_session(HTTPConnection(scope)), flush)
        await send({"type": "http.response.debug", "info": {}})
        assert rig.happened == []
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    rig.app.mount("/hinting", hinting)
    assert (await rig.call("/hinting/")).error is None
    assert rig.happened == ["COMMIT", "start 201"]


# Mounted applications


@some_backends
async def test_a_mounted_application_with_the_same_extension_passes_through(rig: Rig) -> None:
    """There is one transaction, ended by the outer boundary."""
    mounted = FastAPI()
    rig.alchemy.init_app(mounted)
    serve(rig, mounted)
    rig.app.mount("/mounted", mounted)
    assert (await rig.call("/mounted/write")).status == 201
    assert rig.happened == ["COMMIT", "start 201"]
    assert rig.store.names == {"new"}


@some_backends
async def test_a_mounted_application_with_another_extension_has_its_own(
    rig: Rig, tmp_path: Path
) -> None:
    """Two databases, two boundaries, each committing before the start."""
    other = Database.sqlite("aiosqlite", tmp_path / "other.sqlite")
    engine = create_async_engine(other.url)
    config = SQLAlchemyAsyncConfig(engine_instance=engine, commit_mode="autocommit")
    mounted = FastAPI()
    inner = AdvancedAlchemy(config, app=mounted)
    async with engine.begin() as connection:
        await connection.run_sync(Item.metadata.create_all)

    @mounted.post("/write", status_code=201)
    async def write(
        request: Request, session: Annotated[Any, Depends(inner.provide_session())]
    ) -> None:
        session.add(Item(name="inner"))
        await on_session(rig.alchemy.get_session(request), flush)

    rig.app.mount("/mounted", mounted)
    recording = await rig.call("/mounted/write")
    assert (recording.status, recording.error) == (201, None)
    assert rig.store.names == rig.found_at_start == {"new"}
    assert other.query("SELECT name FROM item") == [("inner",)]
    await engine.dispose()


@some_backends
async def test_middleware_of_a_mounted_application_is_inside(rig: Rig) -> None:
    """Its own GZip runs before the outer boundary, which still commits first."""
    mounted = FastAPI()
    mounted.add_middleware(GZipMiddleware, minimum_size=1)
    serve(rig, mounted)
    rig.app.mount("/mounted", mounted)
    recording = await rig.call("/mounted/write", headers={"accept-encoding": "gzip"})
    assert recording.status == 201
    assert rig.happened == ["COMMIT", "start 201"]


# Lifespans


async def test_an_application_can_be_started_again(tmp_path: Path) -> None:
    """Tests do it: the second start finds its databases working."""
    database = Database.sqlite("aiosqlite", tmp_path / "test.sqlite")
    started: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, int]]:
        started.append("up")
        yield {"turn": len(started)}
        started.append("down")

    app = FastAPI(lifespan=lifespan)
    config = SQLAlchemyAsyncConfig(
        connection_string=database.url,
        commit_mode="autocommit",
        bind_key="items",
        metadata=Item.metadata,
    )
    alchemy = AdvancedAlchemy(config, app=app)
    async with config.get_engine().begin() as connection:
        await connection.run_sync(Item.metadata.create_all)

    @app.post("/", status_code=201)
    async def write(
        request: Request, session: Annotated[Any, Depends(alchemy.provide_session())]
    ) -> int:
        session.add(Item(name=f"turn {request.state.turn}"))
        return 1

    for _ in range(2):
        async with client(app) as http:
            assert (await http.post("/")).status_code == 201
    assert started == ["up", "down"] * 2
    assert database.query("SELECT count(*) FROM item") == [(2,)]


@some_backends
async def test_a_request_without_a_lifespan_is_served(rig: Rig) -> None:
    """Some test transports run none; the first request then makes ready."""
    serve(rig, rig.app)
    assert (await rig.call("/write")).status == 201


# WebSockets


def checked_out_at(rig: Rig, kinds: list[tuple[str, int]]) -> Any:
    """Note how many connections are out at each message the server sees."""

    def note(message: Message) -> None:
        kinds.append((message["type"], rig.store.checked_out))

    return note


@some_backends
async def test_a_websocket_gives_its_connection_back_at_accept(rig: Rig) -> None:
    """What was read to authenticate does not hold a connection for as long as the socket lives."""

    @rig.app.websocket("/")
    async def talk(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await on_session(session, read)
        assert rig.store.checked_out == 1
        await socket.accept()
        await socket.send_text(str(await on_session(session, read)))
        assert rig.store.checked_out == 0
        await socket.close()

    seen: list[tuple[str, int]] = []
    recording = await asgi.websocket(rig.app, on_message=checked_out_at(rig, seen))
    assert recording.error is None
    assert recording.messages[1]["text"] == "1000"
    assert [out for _, out in seen] == [0, 0, 0]


@some_backends
@pytest.mark.parametrize("way", ["close", "denial"])
async def test_a_refused_websocket_gives_its_connection_back(rig: Rig, way: str) -> None:
    """A close before accept, or a denial response, releases it as well."""

    @rig.app.websocket("/")
    async def refuse(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await on_session(session, read)
        if way == "close":
            await socket.close(1008)
        else:
            await socket.send_denial_response(Response(status_code=403))

    seen: list[tuple[str, int]] = []
    recording = await asgi.websocket(rig.app, on_message=checked_out_at(rig, seen))
    assert recording.error is None
    assert all(out == 0 for _, out in seen)
    assert rig.store.checked_out == 0


@some_backends
async def test_a_write_before_accept_is_an_error(rig: Rig) -> None:
    """Nobody would commit it, so the socket is not opened and the error names the remedy."""

    @rig.app.websocket("/")
    async def talk(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await on_session(session, flush)
        await socket.accept()

    recording = await asgi.websocket(rig.app)
    assert isinstance(recording.error, UncommittedChangesError)
    assert "alchemy.transaction()" in str(recording.error)
    assert "websocket.accept" not in recording.types
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


@some_backends
async def test_a_write_after_accept_is_refused(rig: Rig) -> None:
    """The request's session only reads from then on."""

    @rig.app.websocket("/")
    async def talk(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await socket.accept()
        await on_session(session, flush)

    recording = await asgi.websocket(rig.app)
    assert "alchemy.transaction()" in str(recording.error)
    assert rig.store.names == set()
    assert rig.store.checked_out == 0


@some_backends
async def test_a_block_inside_a_websocket_commits(rig: Rig) -> None:
    """Each message is a transaction of its own, committed before its reply."""

    @rig.app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                name = await socket.receive_text()
                if rig.store.database.is_async:
                    async with rig.alchemy.transaction() as session:
                        session.add(Item(name=name))
                else:
                    with rig.alchemy.transaction() as session:
                        session.add(Item(name=name))
                assert name in rig.store.names
                await socket.send_text(name)
        except WebSocketDisconnect:
            return

    recording = await asgi.websocket(rig.app, incoming=["one", "two"])
    assert recording.error is None
    assert rig.store.names == {"one", "two"}
    assert rig.store.checked_out == 0


@some_backends
@pytest.mark.parametrize("how", ["native", "anyio"])
async def test_a_cancelled_websocket_holds_nothing(rig: Rig, how: Any) -> None:
    """A server that shuts down gets its connection back before accept too."""
    waiting = asyncio.Event()

    @rig.app.websocket("/")
    async def talk(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await on_session(session, read)
        waiting.set()
        await asyncio.Event().wait()

    recording = await asgi.websocket(rig.app, cancel=asgi.Cancel(how, waiting))
    assert recording.cancelled
    assert rig.store.checked_out == 0


@some_backends
async def test_a_failing_websocket_raises_unchanged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """Its exception reaches the server, and its connection the pool."""

    @rig.app.websocket("/")
    async def talk(
        socket: WebSocket, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        await on_session(session, read)
        raise LookupError("mine")

    with caplog.at_level(logging.WARNING):
        recording = await asgi.websocket(rig.app)
    assert isinstance(recording.error, LookupError)
    assert rig.store.checked_out == 0
    assert caplog.text == ""
