"""A raw ASGI server for tests: it shows every message in its order, and can fail like a real one.

    recording = await request(app, "POST", "/rows", json={"name": "x"}, on_start=look_at_the_row)
    assert recording.status == 201

Unlike a client, it sees what was sent before an exception, calls back at the very moment a server
would put the response on the wire, and can cancel the application's task or drop the client.
"""

import asyncio
import inspect
import json as json_module
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import anyio
from starlette.types import ASGIApp, Message, Scope

from tests.recording import Recording, is_last

__all__ = ("Cancel", "Recording", "request", "websocket")

Hook = Callable[[Message], Awaitable[None] | None]
Moment = Literal["start", "body", "complete"] | asyncio.Event
Incoming = str | bytes | asyncio.Event

TIMEOUT = 30.0
STARTS = {"http.response.start", "websocket.accept", "websocket.close"}
STARTS |= {"websocket.http.response.start"}


@dataclass(frozen=True)
class Cancel:
    """Cancels the application's task.

    Attributes:
        how: `native` is `task.cancel()`, as a server shutting down does; `anyio` is a cancel
            scope around the application, as a timeout middleware has.
        when: As the response starts, at its first body message, after its last, or as soon as
            an event is set, by the handler for example.
    """

    how: Literal["native", "anyio"]
    when: Moment


def _reached(moment: Moment | None, message: Message) -> bool:
    return (
        (moment == "start" and message["type"] in STARTS)
        or (moment == "body" and message["type"] == "http.response.body")
        or (moment == "complete" and is_last(message))
    )


class _Call:
    """One application call: its scope's `receive` and `send`, and the watch over it."""

    def __init__(self, app: ASGIApp, scope: Scope, hooks: Mapping[str, Hook | None]) -> None:
        self.recording = Recording()
        self.gone = asyncio.Event()
        self._app = app
        self._scope = scope
        self._hooks = hooks
        self._cancel: Cancel | None = None
        self._disconnect: Moment | None = None
        self._anyio_scope = anyio.CancelScope()

    async def run(self, cancel: Cancel | None, disconnect: Moment | None) -> Recording:
        self._cancel, self._disconnect = cancel, disconnect
        self._task = asyncio.create_task(self._call())
        watches = [
            asyncio.create_task(self._after(moment, action))
            for moment, action in (
                (cancel and cancel.when, self._cancel_now),
                (disconnect, self.gone.set),
            )
            if isinstance(moment, asyncio.Event)
        ]
        done, _ = await asyncio.wait({self._task}, timeout=TIMEOUT)
        for task in (*watches, self._task):
            task.cancel()
        await asyncio.gather(*watches, self._task, return_exceptions=True)
        if not done:
            raise TimeoutError(f"The application still runs; it sent {self.recording.types}.")
        return self.recording

    async def _call(self) -> None:
        try:
            with self._anyio_scope:
                await self._app(self._scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - a cancellation is part of the record too
            self.recording.error = error

    async def _after(self, moment: asyncio.Event, action: Callable[[], None]) -> None:
        await moment.wait()
        action()

    def _cancel_now(self) -> None:
        assert self._cancel is not None
        self.recording.cancelled = True
        if self._cancel.how == "native":
            self._task.cancel()
        else:
            self._anyio_scope.cancel()

    async def send(self, message: Message) -> None:
        if self.gone.is_set() and self._scope["asgi"]["spec_version"] >= "2.4":
            raise OSError("The client is gone.")
        for kind, hook in self._hooks.items():
            if hook is not None and kind in {"message", message["type"]}:
                outcome = hook(message)
                if inspect.isawaitable(outcome):
                    await outcome
        self.recording.messages.append(message)
        if is_last(message) or _reached(self._disconnect, message):
            self.gone.set()
        if self._cancel is not None and _reached(self._cancel.when, message):
            self._cancel_now()
        # A server's flow control may wait here, and this is where a cancellation lands.
        await asyncio.sleep(0)

    async def receive(self) -> Message:
        raise NotImplementedError


class _Http(_Call):
    chunks: list[bytes]

    async def receive(self) -> Message:
        if self.chunks:
            chunk = self.chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}
        await self.gone.wait()
        return {"type": "http.disconnect"}


class _WebSocket(_Call):
    incoming: list[Incoming]
    connected = False

    async def receive(self) -> Message:
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        while self.incoming and not self.gone.is_set():
            item = self.incoming.pop(0)
            if not isinstance(item, asyncio.Event):
                text = item if isinstance(item, str) else None
                data = item if isinstance(item, bytes) else None
                return {"type": "websocket.receive", "text": text, "bytes": data}
            await self._first_of(item, self.gone)
        return {"type": "websocket.disconnect", "code": 1000, "reason": ""}

    async def _first_of(self, *events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _scope(kind: str, path: str, headers: Iterable[tuple[bytes, bytes]], **more: Any) -> Scope:
    path, _, query = path.partition("?")
    return {
        "type": kind,
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"testserver"), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "state": {},
        **more,
    }


def _encode(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def request(  # noqa: PLR0913 - one keyword for each thing that can be different
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    *,
    body: bytes | list[bytes] = b"",
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    on_start: Hook | None = None,
    on_message: Hook | None = None,
    cancel: Cancel | None = None,
    disconnect: Moment | None = None,
    spec_version: str = "2.3",
) -> Recording:
    """Send one HTTP request, and record what came of it; nothing is raised.

    Args:
        app: The application; its lifespan is not run.
        method: The method.
        path: With the query, if there is one.
        body: In one message, or in several.
        json: Becomes the body.
        headers: Beside `host`, and `content-type` for JSON.
        on_start: Called with the start message before it is recorded, as a server would see it.
        on_message: Called with every message before it is recorded.
        cancel: Cancels the application.
        disconnect: When the client goes away.
        spec_version: From "2.4" on, `send` raises `OSError` once the client is gone. Uvicorn
            is "2.3": it ignores what is sent then.

    Raises:
        TimeoutError: The application did not end.
    """
    fields = _encode(headers or {})
    if json is not None:
        body = json_module.dumps(json).encode()
        fields.append((b"content-type", b"application/json"))
    chunks = body if isinstance(body, list) else [body]
    fields.append((b"content-length", str(sum(map(len, chunks))).encode()))
    scope = _scope(
        "http",
        path,
        fields,
        scheme="http",
        method=method,
        asgi={"version": "3.0", "spec_version": spec_version},
    )
    call = _Http(app, scope, {"http.response.start": on_start, "message": on_message})
    call.chunks = list(chunks)
    return await call.run(cancel, disconnect)


async def websocket(  # noqa: PLR0913 - as for `request`
    app: ASGIApp,
    path: str = "/",
    incoming: Iterable[Incoming] = (),
    *,
    headers: Mapping[str, str] | None = None,
    on_message: Hook | None = None,
    cancel: Cancel | None = None,
    disconnect: Moment | None = None,
) -> Recording:
    """Open one WebSocket, and record what came of it; nothing is raised.

    Args:
        app: The application; its lifespan is not run.
        path: With the query, if there is one.
        incoming: What the client sends, before it disconnects; an event in it is waited for.
        headers: Beside `host`.
        on_message: Called with every message before it is recorded.
        cancel: Cancels the application; "start" is its accept, close or denial.
        disconnect: When the client goes away, with messages left or not.

    Raises:
        TimeoutError: The application did not end.
    """
    scope = _scope(
        "websocket",
        path,
        _encode(headers or {}),
        scheme="ws",
        subprotocols=[],
        extensions={"websocket.http.response": {}},
        asgi={"version": "3.0", "spec_version": "2.3"},
    )
    call = _WebSocket(app, scope, {"message": on_message})
    call.incoming = list(incoming)
    return await call.run(cancel, disconnect)
