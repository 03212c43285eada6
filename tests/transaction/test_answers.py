"""What is sent in place of an answer that had to be withheld."""

import logging
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.errors import UncommittedChangesError
from tests import asgi
from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item

pytestmark = pytest.mark.parametrize("store", ["aiosqlite", "psycopg", "pysqlite"], indirect=True)


def serve(rig: Rig, app: FastAPI | None = None, *, at_commit: bool = False) -> None:
    """Give an application a route whose transaction cannot end well."""

    @(app or rig.app).post("/", status_code=201)
    async def write(
        session: Annotated[Any, Depends(rig.alchemy.provide_session())], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(rig.happened.append, "background")
        item = Item(name="new", parent_id=999) if at_commit else Item(name="taken")
        await on_session(session, lambda sync_session: sync_session.add(item))


@pytest.mark.parametrize("at_commit", [False, True])
@pytest.mark.parametrize("registered", [IntegrityError, SQLAlchemyError])
async def test_a_registered_handler_answers(
    rig: Rig, registered: type[Exception], at_commit: bool
) -> None:
    """The handler for the error, or for a class above it, gets the error and is believed."""
    serve(rig, at_commit=at_commit)
    seen: list[Exception] = []

    @rig.app.exception_handler(registered)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        seen.append(error)
        return JSONResponse({"detail": "mine"}, status_code=418)

    recording = await rig.call()
    assert (recording.status, recording.json) == (418, {"detail": "mine"})
    assert isinstance(seen[0], IntegrityError)
    assert rig.happened == ["start 418"]
    assert rig.store.names == set()


async def test_a_plain_function_answers_too(rig: Rig) -> None:
    """A sync handler runs in a thread, as Starlette runs it."""
    serve(rig)

    @rig.app.exception_handler(IntegrityError)
    def answer(request: Request, error: Exception) -> Response:
        return Response("mine", status_code=409)

    assert (await rig.call()).body == b"mine"


async def test_a_handler_that_claims_success_is_not_believed(rig: Rig) -> None:
    """A 2xx over a transaction that failed is replaced by the problem."""
    serve(rig)

    @rig.app.exception_handler(IntegrityError)
    async def answer(request: Request, error: Exception) -> Response:
        return Response("all is well", status_code=200)

    recording = await rig.call()
    assert recording.status == 409
    assert recording.headers["content-type"] == "application/problem+json"


async def test_success_over_an_error_of_the_route_is_not_believed(rig: Rig) -> None:
    """The error undid what the route had written, so the 2xx of a handler for it is no truth."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        def break_it(sync_session: Any) -> None:
            sync_session.add_all([Item(name="new"), Item(name="taken")])
            sync_session.flush()

        await on_session(session, break_it)

    @rig.app.exception_handler(IntegrityError)
    async def answer(request: Request, error: Exception) -> Response:
        return Response("exists", status_code=200)

    recording = await rig.call()
    assert recording.status == 409
    assert rig.store.names == set()


async def test_the_registered_handler_of_a_mounted_application_is_found(rig: Rig) -> None:
    """The handlers in force are those where the route is."""
    mounted = FastAPI()
    serve(rig, mounted)
    rig.app.mount("/mounted", mounted)

    @rig.app.exception_handler(IntegrityError)
    async def outer(request: Request, error: Exception) -> Response:
        return Response("outer", status_code=418)

    @mounted.exception_handler(IntegrityError)
    async def inner(request: Request, error: Exception) -> Response:
        return Response("inner", status_code=419)

    assert (await rig.call("/mounted/")).status == 419


async def test_a_catch_all_sees_errors_of_handlers(rig: Rig) -> None:
    """Who registers a handler for every exception gets a handler's database errors as well."""

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        def break_it(sync_session: Any) -> None:
            sync_session.add(Item(name="taken"))
            sync_session.flush()

        await on_session(session, break_it)

    @rig.app.exception_handler(Exception)
    async def answer(request: Request, error: Exception) -> Response:
        return Response(type(error).__name__, status_code=500)

    recording = await rig.call()
    assert (recording.status, recording.body) == (500, b"IntegrityError")


async def test_a_handlers_own_error_is_raised_unchanged(rig: Rig) -> None:
    """An exception that is no database's reaches the server, with its row rolled back."""
    failure = RuntimeError("mine")

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        def add(sync_session: Any) -> None:
            sync_session.add(Item(name="new"))
            sync_session.flush()

        await on_session(session, add)
        raise failure

    recording = await rig.call()
    assert recording.error is failure
    assert (recording.status, recording.body) == (500, b"Internal Server Error")
    assert rig.store.names == set()


async def test_the_debug_page_shows_the_handlers_error(rig: Rig) -> None:
    """With `debug=True` Starlette's page has the traceback of the handler."""
    rig.app.debug = True

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        raise RuntimeError("mine")

    recording = await rig.call(headers={"accept": "text/html"})
    assert b"RuntimeError" in recording.body
    assert b"mine" in recording.body


async def test_an_http_exception_rolls_back(rig: Rig) -> None:
    """Its status decides, and its body keeps FastAPI's form."""

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        def add(sync_session: Any) -> None:
            sync_session.add(Item(name="new"))
            sync_session.flush()

        await on_session(session, add)
        raise HTTPException(404, "nothing here")

    recording = await rig.call()
    assert (recording.status, recording.json) == (404, {"detail": "nothing here"})
    assert rig.happened == ["start 404"]
    assert rig.store.names == set()


async def test_the_log_says_what_the_answer_does_not(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """The route and the kind of problem are logged."""
    serve(rig, at_commit=True)
    with caplog.at_level(logging.INFO, "holdfast.transaction"):
        await rig.call()
    assert "POST / was not committed: foreign-key-violation" in caplog.text


@pytest.mark.parametrize("registered", [UncommittedChangesError, Exception])
async def test_left_over_changes_can_be_answered_by_a_handler(
    rig: Rig, registered: type[Exception]
) -> None:
    """Holdfast's own errors are looked up like a driver's; a catch-all hides no problem."""
    rig.config.commit_mode = "manual"

    @rig.app.post("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        def add(sync_session: Any) -> None:
            sync_session.add(Item(name="new"))
            sync_session.flush()

        await on_session(session, add)

    @rig.app.exception_handler(registered)
    async def answer(request: Request, error: Exception) -> Response:
        return Response("mine", status_code=418)

    recording = await rig.call()
    assert recording.status == (418 if registered is UncommittedChangesError else 500)
    assert rig.store.names == set()


async def test_an_unknown_error_while_settling_is_raised(rig: Rig) -> None:
    """A listener's own failure in flush is nobody's problem answer: it goes to the server."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        class Refusing:
            def __clause_element__(self) -> None:
                raise LookupError("mine")

        def add(sync_session: Any) -> None:
            sync_session.add(Item(name=Refusing()))

        await on_session(session, add)

    recording = await rig.call()
    assert recording.status == 500
    assert isinstance(recording.error, LookupError)
    assert rig.store.names == set()


async def test_two_applications_share_nothing_of_an_answer(rig: Rig) -> None:
    """A withheld answer leaves nothing behind for the next request."""
    serve(rig)

    @rig.app.get("/")
    async def read(session: Annotated[AsyncSession, Depends(rig.alchemy.provide_session())]) -> int:
        return 1

    first = await rig.call()
    second = await asgi.request(rig.app, "GET", "/")
    assert (first.status, second.status, second.json) == (409, 200, 1)
