"""How handlers come by their sessions: one per request and database, whichever way they ask."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

import anyio.to_thread
import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from holdfast import AdvancedAlchemy
from holdfast.errors import OutsideBoundaryError
from holdfast.testing import client
from tests.asgi import websocket
from tests.engines.database import Database
from tests.wiring.authors import (
    Author,
    AuthorService,
    Report,
    SyncAuthorService,
    any_config,
    async_config,
    sync_config,
)

SQLITE = pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
COUNT = "SELECT count(*) FROM wiring_author"


@SQLITE
async def test_every_way_to_ask_gives_the_same_session(any_database: Database) -> None:
    """Providers, `get_session` and a service share the request's one session for a database."""
    app = FastAPI()
    kind = "async" if any_database.is_async else "sync"
    alchemy = AdvancedAlchemy(any_config(any_database.url, is_async=any_database.is_async), app)
    service_class: Any = AuthorService if any_database.is_async else SyncAuthorService
    provide_same: Any = getattr(alchemy, f"provide_{kind}_session")
    get_same: Any = getattr(alchemy, f"get_{kind}_session")

    @app.get("/")
    async def identities(
        request: Request,
        first: Annotated[Any, Depends(alchemy.provide_session())],
        second: Annotated[Any, Depends(provide_same())],
        authors: Annotated[Any, Depends(alchemy.provide_service(service_class))],
    ) -> int:
        got = [alchemy.get_session(request), get_same(request), authors.repository.session]
        return len(set(map(id, (first, second, *got))))

    async with client(app) as http:
        assert (await http.get("/")).json() == 1


@SQLITE
async def test_what_a_handler_adds_is_committed(any_database: Database) -> None:
    """What a handler adds to the session it was given is in the database when it has answered."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(any_config(any_database.url, is_async=any_database.is_async), app)

    @app.post("/", status_code=201)
    async def create(session: Annotated[Any, Depends(alchemy.provide_session())]) -> None:
        session.add(Author(name="Le Guin"))

    async with client(app) as http:
        assert (await http.post("/")).status_code == 201
    assert any_database.query(COUNT) == [(1,)]


async def test_two_requests_have_two_sessions(async_url: str) -> None:
    """A session belongs to one request, and is closed with it."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_url), app)
    seen: list[AsyncSession] = []

    @app.get("/")
    async def look(
        session: Annotated[AsyncSession, Depends(alchemy.provide_async_session())],
    ) -> None:
        seen.append(session)
        await session.execute(select(Author))

    async with client(app) as http:
        await http.get("/")
        await http.get("/")
    assert seen[0] is not seen[1]
    assert not any(session.in_transaction() for session in seen)


Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("first", "second"),
    [(async_config, async_config), (sync_config, sync_config), (sync_config, async_config)],
    ids=["async+async", "sync+sync", "sync+async"],
)
async def test_each_database_has_its_own_session(tmp_path: Any, first: Make, second: Make) -> None:
    """Two databases whose other keys are left at their defaults do not share a session."""
    app = FastAPI()
    files = [Database.sqlite("pysqlite", tmp_path / name) for name in ("one", "two")]
    urls = [
        f"sqlite{'+aiosqlite' if make is async_config else ''}:///{file.name}"
        for make, file in zip((first, second), files, strict=True)
    ]
    alchemy = AdvancedAlchemy([first(urls[0]), second(urls[1], bind_key="reports")], app)

    @app.post("/")
    async def create(
        one: Annotated[Any, Depends(alchemy.provide_session())],
        two: Annotated[Any, Depends(alchemy.provide_session("reports"))],
    ) -> bool:
        one.add(Author(name="Le Guin"))
        two.add(Report(title="Sales"))
        return one is two

    async with client(app) as http:
        assert (await http.post("/")).json() is False
    assert files[0].query("SELECT name FROM wiring_author") == [("Le Guin",)]
    assert files[1].query("SELECT title FROM wiring_report") == [("Sales",)]


@SQLITE
async def test_a_raw_starlette_route_has_its_session(any_database: Database) -> None:
    """`get_session(request)` serves a plain Starlette application, and its answer commits."""
    alchemy = AdvancedAlchemy(any_config(any_database.url, is_async=any_database.is_async))

    async def create(request: Request) -> PlainTextResponse:
        alchemy.get_session(request).add(Author(name="Le Guin"))
        return PlainTextResponse("made", status_code=201)

    app = Starlette(routes=[Route("/", create, methods=["POST"])])
    alchemy.init_app(app)
    async with client(app) as http:
        assert (await http.post("/")).status_code == 201
    assert any_database.query(COUNT) == [(1,)]


async def test_a_raw_route_of_a_fastapi_app_has_its_session(async_url: str) -> None:
    """A route added with `add_route` is inside the boundary as any other."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_url), app)

    async def count(request: Request) -> PlainTextResponse:
        session = alchemy.get_async_session(request)
        return PlainTextResponse(str(len((await session.scalars(select(Author))).all())))

    app.add_route("/", count)
    async with client(app) as http:
        assert (await http.get("/")).text == "0"


async def test_a_websocket_has_its_session(async_url: str) -> None:
    """A WebSocket handler gets a session by dependency, by service and by `get_session`."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_url), app)

    @app.websocket("/")
    async def serve(
        socket: WebSocket,
        session: Annotated[AsyncSession, Depends(alchemy.provide_async_session())],
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> None:
        count = await authors.count()
        await socket.accept()
        await socket.send_json([count, alchemy.get_session(socket) is session])
        await socket.close()

    async with client(app):
        recording = await websocket(app)
    assert recording.error is None
    assert recording.messages[1]["text"] == "[0,true]"


async def test_a_raw_starlette_websocket_has_its_session(async_url: str) -> None:
    """`get_session(websocket)` serves a plain Starlette WebSocket route."""
    alchemy = AdvancedAlchemy(async_config(async_url))

    async def serve(socket: WebSocket) -> None:
        found = (await alchemy.get_async_session(socket).scalars(select(Author))).all()
        await socket.accept()
        await socket.send_text(str(len(found)))
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/", serve)])
    alchemy.init_app(app)
    async with client(app):
        recording = await websocket(app)
    assert recording.error is None
    assert recording.messages[1]["text"] == "0"


async def test_no_provider_needs_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions, services and engines of either kind are handed out on the event loop itself."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(
        [async_config(), sync_config(bind_key="sync", create_all=False, commit_mode="manual")], app
    )
    providers = [
        provide
        for key, service_class in (("default", AuthorService), ("sync", SyncAuthorService))
        for provide in (
            alchemy.provide_session(key),
            alchemy.provide_engine(key),
            alchemy.provide_service(service_class, key),
        )
    ]

    @app.get("/", dependencies=[Depends(provide) for provide in providers])
    async def nothing() -> None: ...

    async def refuse(function: Any, *_: Any, **__: Any) -> None:
        raise AssertionError(f"{function} was sent to a thread")

    async with client(app) as http:
        with monkeypatch.context() as patch:
            patch.setattr(anyio.to_thread, "run_sync", refuse)
            assert (await http.get("/")).status_code == 200


async def test_an_overridden_session_is_used() -> None:
    """`dependency_overrides` replaces a session, because each call gives the same provider."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(), app)
    replacement = object()
    app.dependency_overrides[alchemy.provide_session()] = lambda: replacement

    @app.get("/")
    async def look(session: Annotated[Any, Depends(alchemy.provide_async_session())]) -> bool:
        return session is replacement

    async with client(app) as http:
        assert (await http.get("/")).json() is True


async def test_a_provider_can_be_called_by_hand() -> None:
    """A dependency of one's own may await the provider with the request, without `Depends`."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(), app)

    async def provide(request: Request) -> AsyncGenerator[AsyncSession, None]:
        yield await alchemy.provide_async_session()(request)

    @app.get("/")
    async def look(request: Request, session: Annotated[AsyncSession, Depends(provide)]) -> bool:
        return session is alchemy.get_session(request)

    async with client(app) as http:
        assert (await http.get("/")).json() is True


async def test_a_session_outside_the_boundary_is_refused() -> None:
    """A request that passed no boundary has no session, and the error names what to use."""
    alchemy = AdvancedAlchemy(sync_config())
    with pytest.raises(OutsideBoundaryError, match=r"async with alchemy\.session\(\)"):
        alchemy.get_session(Request({"type": "http"}))


async def test_a_session_of_an_ended_request_is_refused() -> None:
    """A request object that was kept gives no session once its request is over."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(), app)
    kept: list[Request] = []

    @app.get("/")
    async def keep(request: Request) -> None:
        kept.append(request)

    async with client(app) as http:
        await http.get("/")
    with pytest.raises(OutsideBoundaryError, match="its request has ended"):
        alchemy.get_session(kept[0])


def test_session_providers_say_what_they_give() -> None:
    """The annotation of a provider is the kind of session it gives, as tools read it."""
    alchemy = AdvancedAlchemy([async_config(), sync_config(bind_key="sync")])
    assert alchemy.provide_session().__annotations__["return"] is AsyncSession
    assert alchemy.provide_session("sync").__annotations__["return"] is Session
