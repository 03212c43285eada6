"""A client that calls an application in process, lifespan included."""

import importlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.testing.lifespan import Lifespan

if TYPE_CHECKING:
    import httpx2

__all__ = ("client",)


@asynccontextmanager
async def client(
    app: ASGIApp,
    *,
    lifespan: bool = True,
    raise_app_exceptions: bool = True,
    base_url: str = "http://testserver",
    headers: Mapping[str, str] | None = None,
) -> "AsyncGenerator[httpx2.AsyncClient]":
    """Start the application, and give a client that calls it without a network.

        async with client(app) as http:
            assert (await http.get("/authors")).status_code == 200

    A request returns once the application has finished with it, background tasks included. The
    same application may be started again later.

    Args:
        app: The application.
        lifespan: Run its start-up and its shutdown; what they raise is raised here.
        raise_app_exceptions: Raise what a handler raises. Otherwise answer as a server would: with
            500, or once the response has started, by breaking it off.
        base_url: What paths are relative to.
        headers: Sent with every request.

    Yields:
        An `httpx2.AsyncClient`.

    Raises:
        ModuleNotFoundError: httpx2 is not installed.
    """
    httpx = _httpx2()
    async with AsyncExitStack() as stack:
        state = (await stack.enter_async_context(Lifespan(app))).state if lifespan else {}
        served = _Server(app, state, raise_app_exceptions)
        transport = httpx.ASGITransport(served, client=("127.0.0.1", 50000))
        yield await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)
        )


def _httpx2() -> Any:
    try:
        return importlib.import_module("httpx2")
    except ModuleNotFoundError as error:
        if error.name != "httpx2":
            raise
        raise ModuleNotFoundError(
            "holdfast.testing.client needs httpx2: pip install 'holdfast[testing]'", name="httpx2"
        ) from None


class _Server:
    """What a server does around each call: lifespan state, and an answer for every exception."""

    def __init__(self, app: ASGIApp, state: Mapping[str, Any], raise_exceptions: bool) -> None:
        self._app = app
        self._state = state
        self._raise_exceptions = raise_exceptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(self._state)
        started = complete = False

        async def watched(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if self._raise_exceptions:
                raise
            if started and not complete:
                _break_off()
            if not started:
                await _answer_500(send)


def _break_off() -> None:
    error: Exception = _httpx2().RemoteProtocolError(
        "peer closed connection without sending complete message body"
    )
    raise error from None


async def _answer_500(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": b"Internal Server Error"})
