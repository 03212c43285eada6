"""Every kind of answer against every way in which a transaction can end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from advanced_alchemy.repository import SQLAlchemyAsyncRepository, SQLAlchemySyncRepository
from advanced_alchemy.service import (
    SQLAlchemyAsyncRepositoryService,
    SQLAlchemySyncRepositoryService,
)
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.sse import EventSourceResponse
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from tests.asgi import Cancel
from tests.engines.mariadb import MariaDBServer
from tests.recording import Recording
from tests.transaction.rig import Rig, on_session, opened
from tests.transaction.store import Item, Store

Work = Callable[[], Awaitable[None]]
Fault = Literal["none", "flush", "flush in handler", "COMMIT", "swallowed", "native", "anyio"]

PLAIN = ("json", "text", "stream", "json-lines", "sse", "file", "background", "head")
KINDS = (*PLAIN, "mounted", "starlette", "service", "function-scoped", "swallowing")
AROUND = ("json", "stream", "json-lines", "sse", "background")
FAULTS: tuple[Fault, ...] = ("none", "flush", "flush in handler", "COMMIT", "swallowed")
CANCELLATIONS: tuple[Fault, ...] = ("native", "anyio")


def write(session: Session, fault: str) -> None:
    """Write a row, and break what the fault says."""
    if fault == "COMMIT":
        # MariaDB defers no constraint: there the server becomes read-only instead.
        deferred = session.get_bind().dialect.name != "mysql"
        session.add(Item(name="new", parent_id=999 if deferred else None))
        session.flush()
        return
    session.add(Item(name="new"))
    if fault in {"flush", "flush in handler"}:
        session.add(Item(name="taken"))
    if fault != "flush":
        session.flush()
    if fault == "swallowed":
        with suppress(IntegrityError):
            session.execute(text("INSERT INTO item (id, name) VALUES (7, 'taken')"))


class AsyncItems(SQLAlchemyAsyncRepositoryService[Item]):
    """The service over an async driver."""

    class Repository(SQLAlchemyAsyncRepository[Item]):
        """Its repository."""

        model_type = Item

    repository_type = Repository


class SyncItems(SQLAlchemySyncRepositoryService[Item]):
    """The service over a sync driver."""

    class Repository(SQLAlchemySyncRepository[Item]):
        """Its repository."""

        model_type = Item

    repository_type = Repository


@dataclass
class Cell:
    """The application of every cell of the matrix.

    Attributes:
        rig: Its rig.
        written: Set once the handler has written and waits for its cancellation.
        around: The same routes behind middleware.
        refusals: What has been done to the server to make it refuse COMMIT.
    """

    rig: Rig
    written: asyncio.Event
    around: FastAPI
    refusals: ExitStack

    async def work(self, session: Any, fault: str) -> None:
        """Write, and wait for the cancellation where there will be one."""
        await on_session(session, lambda sync_session: write(sync_session, fault))
        server = self.rig.store.database.server
        if fault == "COMMIT" and isinstance(server, MariaDBServer):
            self.refusals.enter_context(server.read_only())
        if fault in CANCELLATIONS:
            self.written.set()
            await asyncio.Event().wait()

    def note_background(self) -> None:
        """Note that a background task ran."""
        self.rig.happened.append("background")


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Do what a hand-written middleware does."""
    return await call_next(request)


def routes(cell: Cell, file: Path) -> APIRouter:
    """Return a route for every kind of answer."""
    provide_session = cell.rig.alchemy.provide_session()

    async def provide_work(fault: str, session: Annotated[Any, Depends(provide_session)]) -> Work:
        return lambda: cell.work(session, fault)

    router = APIRouter()
    work_of = Depends(provide_work)
    add_plain_routes(router, work_of, file)
    add_streaming_routes(router, work_of)
    add_routes_with_more_to_do(router, work_of, cell)
    add_service_routes(router, cell)
    return router


def add_plain_routes(router: APIRouter, work_of: Any, file: Path) -> None:
    """Add what answers at once."""

    @router.post("/json", status_code=201)
    async def as_json(work: Annotated[Work, work_of]) -> dict[str, str]:
        await work()
        return {"name": "new"}

    @router.post("/text")
    async def as_text(work: Annotated[Work, work_of]) -> PlainTextResponse:
        await work()
        return PlainTextResponse("new")

    @router.post("/file")
    async def as_file(work: Annotated[Work, work_of]) -> FileResponse:
        await work()
        return FileResponse(file)

    @router.head("/head", status_code=204)
    async def as_head(work: Annotated[Work, work_of]) -> None:
        await work()


def add_streaming_routes(router: APIRouter, work_of: Any) -> None:
    """Add what sends its body piece by piece."""

    async def done(work: Annotated[Work, work_of]) -> None:
        await work()

    @router.post("/stream")
    async def as_stream(work: Annotated[Work, work_of]) -> StreamingResponse:
        await work()

        async def parts() -> AsyncGenerator[str]:
            for part in ("n", "e", "w"):
                await asyncio.sleep(0)
                yield part

        return StreamingResponse(parts())

    @router.post("/json-lines", dependencies=[Depends(done)])
    async def as_json_lines() -> AsyncIterable[dict[str, str]]:
        yield {"name": "new"}
        yield {"name": "old"}

    @router.post("/sse", dependencies=[Depends(done)], response_class=EventSourceResponse)
    async def as_events() -> AsyncIterable[dict[str, str]]:
        yield {"name": "new"}
        yield {"name": "old"}


def add_routes_with_more_to_do(router: APIRouter, work_of: Any, cell: Cell) -> None:
    """Add what goes on after the answer, or stands in its way."""

    async def swallow() -> AsyncGenerator[None]:
        with suppress(Exception):
            yield

    @router.post("/background", status_code=202)
    async def with_task(work: Annotated[Work, work_of], tasks: BackgroundTasks) -> None:
        tasks.add_task(cell.note_background)
        await work()

    @router.post("/swallowing", dependencies=[Depends(swallow)])
    async def behind_swallowing_dependency(work: Annotated[Work, work_of]) -> int:
        await work()
        return 1


def add_service_routes(router: APIRouter, cell: Cell) -> None:
    """Add what works through a service, in either scope of a dependency."""
    service_class: Any = AsyncItems if cell.rig.store.database.is_async else SyncItems
    provide_service: Any = cell.rig.alchemy.provide_service(service_class)

    @router.post("/service")
    async def by_service(fault: str, items: Annotated[Any, Depends(provide_service)]) -> int:
        await cell.work(items.repository.session, fault)
        return 1

    @router.post("/function-scoped")
    async def by_function_scoped_service(
        fault: str, items: Annotated[Any, Depends(provide_service, scope="function")]
    ) -> int:
        await cell.work(items.repository.session, fault)
        return 1


def build(store_rig: Rig, file: Path, refusals: ExitStack) -> Cell:
    """Return the application with all its routes, bare and behind middleware."""
    cell = Cell(store_rig, asyncio.Event(), FastAPI(), refusals)
    alchemy, app = store_rig.alchemy, store_rig.app
    router = routes(cell, file)
    app.include_router(router)
    mounted = FastAPI()
    mounted.include_router(router)
    app.mount("/mounted", mounted)

    async def starlette_route(request: Request) -> Response:
        session = alchemy.get_session(request)
        await cell.work(session, request.query_params["fault"])
        return PlainTextResponse("new")

    app.add_route("/starlette", starlette_route, methods=["POST"])
    alchemy.init_app(cell.around)
    cell.around.include_router(router)
    cell.around.add_middleware(GZipMiddleware, minimum_size=1)
    cell.around.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    cell.around.add_middleware(CORSMiddleware, allow_origins=["*"])
    return cell


@pytest.fixture
def cell(store: Store, tmp_path: Path) -> Generator[Cell]:
    """Give the application on an emptied table."""
    file = tmp_path / "file.txt"
    file.write_text("new")
    with opened(store) as rig, ExitStack() as refusals:
        yield build(rig, file, refusals)


async def send(cell: Cell, kind: str, fault: Fault, app: FastAPI | None = None) -> Recording:
    """Send the request of a cell."""
    path = f"/{'mounted/json' if kind == 'mounted' else kind}?fault={fault.replace(' ', '%20')}"
    cancel = Cancel(fault, cell.written) if fault in {"native", "anyio"} else None
    recording = await cell.rig.call(
        path,
        "HEAD" if kind == "head" else "POST",
        app=app or cell.rig.app,
        cancel=cancel,
        headers={"origin": "http://elsewhere", "accept-encoding": "gzip"},
    )
    cell.rig.assert_clean(recording)
    return recording


def assert_true(cell: Cell, kind: str, recording: Recording) -> None:
    """Check that the answer tells the truth: a 2xx if, and only if, the row is there."""
    rig = cell.rig
    success = 200 <= recording.status < 300
    assert success == ("new" in rig.store.names)
    assert recording.complete
    assert rig.held_at_start == 0
    if success:
        assert rig.happened[:2] == ["COMMIT", f"start {recording.status}"]
        assert "new" in rig.found_at_start
        assert rig.happened.count("background") == (kind == "background")
    else:
        assert rig.happened == [f"start {recording.status}"]


def assert_as_expected(cell: Cell, kind: str, fault: Fault, recording: Recording) -> None:
    """Check the status and the form of an answer that is known to tell the truth."""
    database = cell.rig.store.database
    # Others undo a failed statement alone, so what was swallowed there loses nothing.
    harmless = fault == "swallowed" and not database.is_postgres
    if fault == "none" or harmless:
        assert 200 <= recording.status < 300
    elif fault == "flush in handler" and kind in {"swallowing", "mounted"}:
        # FastAPI reports a dependency that swallows what the handler raised; a mounted
        # application answers what its handlers raise by itself.
        assert recording.status == 500
    else:
        assert recording.status == (503 if fault == "COMMIT" and database.is_mariadb else 409)
        assert recording.headers["content-type"] == "application/problem+json"
        assert recording.error is None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_tells_the_truth(cell: Cell, kind: str, fault: Fault) -> None:
    """Nothing is sent before COMMIT returned, there is one answer, and it agrees with the row."""
    recording = await send(cell, kind, fault)
    assert_true(cell, kind, recording)
    assert_as_expected(cell, kind, fault, recording)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", AROUND)
async def test_middleware_around_changes_nothing(cell: Cell, kind: str, fault: Fault) -> None:
    """The same behind GZip, BaseHTTPMiddleware and CORS, whose headers an error answer keeps."""
    recording = await send(cell, kind, fault, cell.around)
    assert_true(cell, kind, recording)
    assert_as_expected(cell, kind, fault, recording)
    assert recording.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("how", CANCELLATIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_handler_leaves_nothing(cell: Cell, kind: str, how: Fault) -> None:
    """No answer, no row, no background task, and the connection is back in the pool."""
    recording = await send(cell, kind, how)
    assert recording.cancelled
    if kind != "swallowing":
        assert not recording.started
    assert cell.rig.happened == []
    assert cell.rig.store.names == set()


@pytest.mark.parametrize("how", CANCELLATIONS)
@pytest.mark.parametrize("kind", AROUND)
async def test_a_cancellation_reaches_through_middleware(cell: Cell, kind: str, how: Fault) -> None:
    """The same with tasks of BaseHTTPMiddleware between the server and the handler."""
    recording = await send(cell, kind, how, cell.around)
    assert recording.cancelled
    assert cell.rig.happened == []
    assert cell.rig.store.names == set()
