"""`holdfast.testing.client`: an application started, called and stopped in process."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from holdfast.testing import client


def lifespan_app(log: list[str], *, at_start: bool = False, at_end: bool = False) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        log.append("start")
        if at_start:
            raise LookupError("at start")
        yield {"greeting": "hello"}
        log.append("stop")
        if at_end:
            raise LookupError("at end")

    def greet(request: Request) -> Response:
        return PlainTextResponse(request.state.greeting)

    return Starlette(routes=[Route("/", greet)], lifespan=lifespan)


async def test_the_lifespan_is_run_around_the_requests() -> None:
    """Requests come between start-up and shutdown, and see the lifespan's state."""
    log: list[str] = []
    async with client(lifespan_app(log)) as http:
        assert log == ["start"]
        assert (await http.get("/")).text == "hello"
    assert log == ["start", "stop"]


async def test_an_app_can_be_started_twice() -> None:
    """A second block starts the same application again."""
    log: list[str] = []
    app = lifespan_app(log)
    for _ in range(2):
        async with client(app) as http:
            assert (await http.get("/")).status_code == 200
    assert log == ["start", "stop"] * 2


async def test_the_lifespan_can_be_left_out() -> None:
    """With `lifespan=False` the application is called without ever being started."""
    log: list[str] = []
    async with client(lifespan_app(log), lifespan=False) as http:
        with pytest.raises(AttributeError, match="greeting"):
            await http.get("/")
    assert log == []


async def test_a_failing_startup_is_raised() -> None:
    """What the start-up raises is raised as it is, before the block."""
    with pytest.raises(LookupError, match="at start"):
        async with client(lifespan_app([], at_start=True)):
            pytest.fail("the block was entered")


async def test_a_failing_shutdown_is_raised() -> None:
    """What the shutdown raises is raised as it is, after the block."""
    with pytest.raises(LookupError, match="at end"):
        async with client(lifespan_app([], at_end=True)):
            pass


async def test_the_shutdown_is_run_after_an_error_in_the_block() -> None:
    """A failing test still stops its application, and its own error is what is raised."""
    log: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with client(lifespan_app(log)):
            _ = 1 / 0
    assert log == ["start", "stop"]


async def test_a_startup_that_only_reports_its_failure_is_raised() -> None:
    """An application that sends `startup.failed` and ends is not taken for a started one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="failed at startup: no database"):
        async with client(app):
            pass


async def broken(request: Request) -> Response:
    raise ValueError("broken")


async def half(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("broken")

    return StreamingResponse(body())


def fail() -> None:
    raise ValueError("broken")


async def late(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(fail))


failing = Starlette(routes=[Route("/broken", broken), Route("/half", half), Route("/late", late)])


@pytest.mark.parametrize("path", ["/broken", "/half", "/late"])
async def test_exceptions_are_raised(path: str) -> None:
    """By default a test sees the application's own exception, wherever it came from."""
    async with client(failing) as http:
        with pytest.raises(ValueError, match="broken"):
            await http.get(path)


async def test_exceptions_become_what_a_server_makes_of_them() -> None:
    """Asked to, it answers 500, breaks a started body off, and leaves a finished answer alone."""
    async with client(failing, raise_app_exceptions=False) as http:
        assert (await http.get("/broken")).status_code == 500
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get("/half")
        assert (await http.get("/late")).text == "done"


async def test_a_bare_app_that_raises_is_answered_for() -> None:
    """An exception that no middleware answered becomes the server's 500."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    async with client(app, lifespan=False, raise_app_exceptions=False) as http:
        response = await http.get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


async def test_headers_and_base_url_apply_to_every_request() -> None:
    """What the client was given is on each request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await PlainTextResponse(f"{request.url} {request.headers['x']}")(scope, receive, send)

    async with client(app, lifespan=False, base_url="https://a.test", headers={"X": "y"}) as http:
        assert (await http.get("/b")).text == "https://a.test/b y"


async def test_a_missing_httpx2_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without httpx2 the error says what to install."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'holdfast\[testing\]'"):
        async with client(failing):
            pass
