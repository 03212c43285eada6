"""Calling an application without a server: what remains is its own work, and the driver's."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from bench.operations import Request

__all__ = ("measure", "running")


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncGenerator[None]:
    """Start an application, and stop it at the end."""
    wanted: asyncio.Queue[Message] = asyncio.Queue()
    told: asyncio.Queue[Message] = asyncio.Queue()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    life = asyncio.ensure_future(app(scope, wanted.get, told.put))
    await wanted.put({"type": "lifespan.startup"})
    _require(await told.get(), "lifespan.startup.complete")
    try:
        yield
    finally:
        await wanted.put({"type": "lifespan.shutdown"})
        _require(await told.get(), "lifespan.shutdown.complete")
        await life


async def measure(
    app: ASGIApp, requests: Iterator[Request], status: int, number: int
) -> dict[str, float]:
    """Perform requests one after another.

    Args:
        app: The application.
        requests: Where to take them from.
        status: What each must be answered with.
        number: How many.

    Returns:
        ``cpu`` and ``wall``, in seconds for all of them. The first is the process's own, so a
        database server's work is in the second alone.
    """
    calls = [(_scope(request), request.body) for request in islice(requests, number)]
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for scope, body in calls:
        await _call(app, scope, body, status)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def _scope(request: Request) -> Scope:
    headers = [(b"host", b"bench")]
    if request.body:
        length = str(len(request.body)).encode()
        headers += [(b"content-type", b"application/json"), (b"content-length", length)]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": request.query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


async def _call(app: ASGIApp, scope: Scope, body: bytes, status: int) -> None:
    answered: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    if answered[0]["status"] != status:
        raise RuntimeError(f"{scope['method']} {scope['path']} was answered {answered}")


def _require(message: Any, kind: str) -> None:
    if message["type"] != kind:
        raise RuntimeError(f"The application does not live: {message}")
