"""What upstream's extension loses, leaks or refuses, shown on it and shown to be gone here.

Every test runs against both packages. It asserts what upstream does too, so that the day upstream
mends it the test says so.
"""

import importlib
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import anyio.to_thread
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.errors import ConfigurationError, ResponseStartedError
from holdfast.testing import client
from tests.asgi import request, websocket
from tests.engines.database import Database
from tests.wiring.authors import Author, AuthorService, Book

NAMES = "SELECT name FROM wiring_author"
POSTGRES = pytest.mark.parametrize("async_database", ["asyncpg"], indirect=True)
SQLITE = pytest.mark.parametrize("async_database", ["aiosqlite"], indirect=True)


@dataclass(frozen=True)
class Package:
    """One of the two packages under test."""

    name: str

    @property
    def is_upstream(self) -> bool:
        return self.name != "holdfast"

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.name), name)

    def config(self, url: str, **options: Any) -> Any:
        options = {"create_all": True, "commit_mode": "autocommit", **options}
        return self.SQLAlchemyAsyncConfig(connection_string=url, **options)

    def attach(self, url: str, **options: Any) -> tuple[FastAPI, Any]:
        app = FastAPI()
        return app, self.AdvancedAlchemy(self.config(url, **options), app)


@pytest.fixture(
    params=["advanced_alchemy.extensions.fastapi", "holdfast"], ids=["upstream", "here"]
)
def package(request: pytest.FixtureRequest) -> Package:
    """Give upstream's extension, then Holdfast."""
    return Package(request.param)


def authors_of(alchemy: Any, provider: str) -> Any:
    """Return a dependency that gives a service, by the provider of sessions or of services."""
    if provider == "service":
        return alchemy.provide_service(AuthorService)

    async def provide(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> AsyncGenerator[AuthorService, None]:
        async with AuthorService.new(session=session) as authors:
            yield authors

    return provide


both_providers = pytest.mark.parametrize("provider", ["session", "service"])


@SQLITE
@both_providers
async def test_defect_1_commit_after_the_last_byte(
    package: Package, async_database: Database, provider: str
) -> None:
    """Upstream sends the whole answer and commits then; here COMMIT comes first."""
    app, alchemy = package.attach(async_database.url)
    order: list[str] = []

    @app.post("/", status_code=201)
    async def create(
        authors: Annotated[AuthorService, Depends(authors_of(alchemy, provider))],
    ) -> None:
        await authors.create({"name": "Lem"})
        event.listen(alchemy.get_engine().sync_engine, "commit", lambda _: order.append("COMMIT"))

    async with client(app):
        await request(app, "POST", "/", on_message=lambda message: order.append(message["type"]))
    answer = ["http.response.start", "http.response.body"]
    assert order == ([*answer, "COMMIT"] if package.is_upstream else ["COMMIT", *answer])


@POSTGRES
async def test_defect_2_a_failed_commit_is_swallowed(
    package: Package, async_database: Database
) -> None:
    """With a session, upstream keeps its 201 when COMMIT fails; here the answer is 409."""
    app, alchemy = package.attach(async_database.url)

    @app.post("/", status_code=201)
    async def create(session: Annotated[Any, Depends(alchemy.provide_session())]) -> None:
        session.add(Book(author_id=uuid4()))

    async with client(app):
        recording = await request(app, "POST", "/")
    assert async_database.query("SELECT * FROM wiring_book") == []
    assert recording.status == (201 if package.is_upstream else 409)
    assert recording.error is None


@POSTGRES
async def test_defect_3_a_failed_commit_leaks_its_connection(
    package: Package, async_database: Database
) -> None:
    """With a service, upstream's failed COMMIT keeps its 201 and the connection; here neither."""
    app, alchemy = package.attach(async_database.url)
    sessions: list[AsyncSession] = []

    @app.post("/", status_code=201)
    async def create(
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> None:
        authors.repository.session.add(Book(author_id=uuid4()))
        sessions.append(authors.repository.session)

    async with client(app):
        recording = await request(app, "POST", "/")
        leaked = alchemy.get_engine().pool.checkedout()
        await sessions[0].close()
    assert async_database.query("SELECT * FROM wiring_book") == []
    assert (recording.status, leaked) == ((201, 1) if package.is_upstream else (409, 0))


@SQLITE
async def test_defect_4_a_function_scoped_service_rolls_back(
    package: Package, async_database: Database
) -> None:
    """Upstream answers 201 and undoes a function-scoped service's write; here it is kept."""
    app, alchemy = package.attach(async_database.url)
    provide = alchemy.provide_service(AuthorService)

    @app.post("/", status_code=201)
    async def create(authors: Annotated[AuthorService, Depends(provide, scope="function")]) -> None:
        await authors.create({"name": "Lem"})

    async with client(app) as http:
        assert (await http.post("/")).status_code == 201
    assert async_database.query(NAMES) == ([] if package.is_upstream else [("Lem",)])


@SQLITE
async def test_defect_6_a_broken_stream_is_committed(
    package: Package, async_database: Database
) -> None:
    """Upstream commits what a stream wrote before it broke; here the write is refused."""
    app, alchemy = package.attach(async_database.url)

    @app.get("/")
    async def stream(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> StreamingResponse:
        async def produce() -> AsyncGenerator[bytes, None]:
            yield b"first"
            session.add(Author(name="Lem"))
            await session.flush()
            raise ValueError

        return StreamingResponse(produce())

    async with client(app):
        recording = await request(app)
    assert isinstance(recording.error, ValueError if package.is_upstream else ResponseStartedError)
    assert async_database.query(NAMES) == ([("Lem",)] if package.is_upstream else [])


@SQLITE
async def test_defect_6_a_failed_background_task_is_committed(
    package: Package, async_database: Database
) -> None:
    """Upstream commits what a background task wrote before it failed; here it is refused."""
    app, alchemy = package.attach(async_database.url)

    @app.get("/")
    async def answer(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
        tasks: BackgroundTasks,
    ) -> None:
        async def work() -> None:
            session.add(Author(name="Lem"))
            await session.flush()
            raise ValueError

        tasks.add_task(work)

    async with client(app):
        recording = await request(app)
    assert isinstance(recording.error, ValueError if package.is_upstream else ResponseStartedError)
    assert async_database.query(NAMES) == ([("Lem",)] if package.is_upstream else [])


async def test_defect_7_two_databases_share_one_session(package: Package, tmp_path: Path) -> None:
    """Upstream gives two databases with default key names one session; here each has its own."""
    app = FastAPI()
    urls = [f"sqlite+aiosqlite:///{tmp_path}/{name}.sqlite" for name in ("one", "two")]
    alchemy = package.AdvancedAlchemy(
        [package.config(urls[0]), package.config(urls[1], bind_key="reports")], app
    )

    @app.get("/")
    async def databases(
        one: Annotated[Any, Depends(alchemy.provide_session())],
        two: Annotated[Any, Depends(alchemy.provide_session("reports"))],
    ) -> list[str]:
        return [session.get_bind().url.database for session in (one, two)]

    async with client(app) as http:
        used = [Path(file).stem for file in (await http.get("/")).json()]
    assert used == (["one", "one"] if package.is_upstream else ["one", "two"])


@SQLITE
async def test_defect_8_the_default_mode_loses_writes(
    package: Package, async_database: Database
) -> None:
    """By default nobody commits: upstream answers 201 over nothing, here it is an error."""
    app, alchemy = package.attach(async_database.url, commit_mode="manual")

    @app.post("/", status_code=201)
    async def create(
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> None:
        await authors.create({"name": "Lem"})

    async with client(app) as http:
        answer = await http.post("/")
    assert async_database.query(NAMES) == []
    assert answer.status_code == (201 if package.is_upstream else 500)
    if not package.is_upstream:
        assert answer.json()["type"] == "urn:holdfast:problem:uncommitted-changes"


@SQLITE
@both_providers
async def test_defect_14_websockets_have_no_session(
    package: Package, async_database: Database, provider: str
) -> None:
    """Upstream's providers crash in a WebSocket route; here they give what was asked for."""
    app, alchemy = package.attach(async_database.url)

    @app.websocket("/")
    async def serve(
        socket: WebSocket, authors: Annotated[AuthorService, Depends(authors_of(alchemy, provider))]
    ) -> None:
        count = await authors.count()
        await socket.accept()
        await socket.send_text(str(count))
        await socket.close()

    async with client(app):
        recording = await websocket(app)
    if package.is_upstream:
        assert isinstance(recording.error, TypeError)
    else:
        assert recording.messages[1]["text"] == "0"


def test_defect_15_attaching_twice_goes_unnoticed(package: Package) -> None:
    """Upstream attached twice has two middlewares for one database; here it is an error."""
    app, alchemy = package.attach("sqlite+aiosqlite://")
    if package.is_upstream:
        alchemy.init_app(app)
        assert len(app.user_middleware) == 2
    else:
        with pytest.raises(ConfigurationError, match="Pass all configs to one extension"):
            alchemy.init_app(app)
        assert len(app.user_middleware) == 1


async def test_defect_15_attaching_in_the_lifespan_names_no_remedy(package: Package) -> None:
    """Attaching to an application that runs cannot work; only here is it said where to do it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        package.AdvancedAlchemy(package.config("sqlite+aiosqlite://"), app)
        yield

    with pytest.raises(RuntimeError if package.is_upstream else ConfigurationError) as caught:
        async with client(FastAPI(lifespan=lifespan)):
            pass
    assert ("Attach the extension where" in str(caught.value)) is not package.is_upstream


@SQLITE
async def test_defect_16_a_second_lifespan_has_lost_its_extension(
    package: Package, async_database: Database
) -> None:
    """Upstream's first shutdown takes the extension from the application; here it stays."""
    app, alchemy = package.attach(async_database.url)
    async with client(app):
        assert package.get_database_migration_plugin(app) is alchemy
    async with client(app):
        if package.is_upstream:
            with pytest.raises(package.exceptions.ImproperConfigurationError):
                package.get_database_migration_plugin(app)
        else:
            assert package.get_database_migration_plugin(app) is alchemy


@SQLITE
async def test_defect_17_a_mounted_application_has_no_tables(
    package: Package, async_database: Database
) -> None:
    """Upstream's first query in a mounted application fails; here the tables are made for it."""
    app, alchemy = package.attach(async_database.url)
    parent = FastAPI()
    parent.mount("/inner", app)

    @app.get("/")
    async def count(
        authors: Annotated[AuthorService, Depends(authors_of(alchemy, "session"))],
    ) -> int:
        return await authors.count()

    async with client(parent, raise_app_exceptions=False) as http:
        answer = await http.get("/inner/")
    await alchemy.on_shutdown()
    assert answer.status_code == (500 if package.is_upstream else 200)


async def test_defect_18_refused_tables_go_unnoticed(package: Package, tmp_path: Path) -> None:
    """Upstream starts without its tables when the database refuses them; here the start fails."""
    file = Database.sqlite("pysqlite", tmp_path / "test.sqlite")
    file.query("CREATE TABLE other (id INTEGER)")
    app, _ = package.attach(f"sqlite+aiosqlite:///file:{file.name}?mode=ro&uri=true")
    try:
        async with client(app):
            started = True
    except OperationalError:
        started = False
    assert started is package.is_upstream


async def test_defect_18_tables_are_created_on_the_event_loop(
    package: Package, tmp_path: Path
) -> None:
    """Upstream opens a sync database on the event loop; here in a worker thread."""
    config = package.SQLAlchemySyncConfig(
        connection_string=f"sqlite:///{tmp_path}/test.sqlite", create_all=True
    )
    engine = config.get_engine()
    threads: list[int] = []
    event.listen(engine, "do_connect", lambda *_: threads.append(threading.get_ident()))
    await config.on_startup()
    await config.on_shutdown()
    assert (threading.get_ident() in threads) is package.is_upstream


@SQLITE
async def test_defect_19_the_connection_is_held_through_a_background_task(
    package: Package, async_database: Database
) -> None:
    """Upstream's connection is out while a background task runs; here it is back by then."""
    app, alchemy = package.attach(async_database.url)
    held: list[int] = []

    @app.get("/")
    async def answer(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
        tasks: BackgroundTasks,
    ) -> None:
        await session.connection()
        tasks.add_task(lambda: held.append(alchemy.get_engine().pool.checkedout()))

    async with client(app) as http:
        await http.get("/")
    assert held == [1 if package.is_upstream else 0]


@SQLITE
async def test_defect_19_the_connection_is_held_through_a_stream(
    package: Package, async_database: Database
) -> None:
    """Upstream's connection is out while a stream is sent; here it is back before the start."""
    app, alchemy = package.attach(async_database.url)
    held: list[int] = []

    @app.get("/")
    async def stream(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> StreamingResponse:
        await session.connection()
        return StreamingResponse(iter([b"first", b"second"]))

    def look(_: Any) -> None:
        held.append(alchemy.get_engine().pool.checkedout())

    async with client(app):
        await request(app, on_message=look)
    assert set(held) == {1 if package.is_upstream else 0}


@SQLITE
async def test_defect_20_every_provider_takes_a_thread(
    package: Package, async_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream sends session and filters to the thread pool on each request; here nothing is."""
    app, alchemy = package.attach(async_database.url)
    provide_filters = alchemy.provide_filters(
        {"pagination_type": "limit_offset", "created_at": True, "updated_at": True}
    )

    @app.get("/")
    async def look(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
        filters: Annotated[list[Any], Depends(provide_filters)],
    ) -> int:
        return len(filters)

    hops: list[Any] = []
    run_sync = anyio.to_thread.run_sync

    async def count(function: Any, *arguments: Any, **options: Any) -> Any:
        hops.append(function)
        return await run_sync(function, *arguments, **options)

    async with client(app) as http:
        monkeypatch.setattr(anyio.to_thread, "run_sync", count)
        assert (await http.get("/")).json() == 1
        monkeypatch.undo()
    assert bool(hops) is package.is_upstream
