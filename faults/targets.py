"""The application where the clients reach it: in this process, or in one of its own."""

import asyncio
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stdout, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faults.answers import NO_ANSWER, REFUSED, Answer
from faults.application import Settings, build
from faults.wirings import Wiring
from holdfast.testing.lifespan import Lifespan
from tests import asgi
from tests.engines.process import free_port

__all__ = ("InProcess", "Served")

_ROOT = Path(__file__).parents[1]
_START_TIMEOUT = 20.0
_PATIENCE = 10.0


class InProcess:
    """The application in this process, called as a server calls it.

    Args:
        app: It.
        alchemy: Its extension.
    """

    def __init__(self, app: Any, alchemy: Any) -> None:
        self._app = app
        self._alchemy = alchemy

    @classmethod
    @asynccontextmanager
    async def started(cls, wiring: Wiring, settings: Settings) -> AsyncGenerator["InProcess"]:
        """Start an application, and stop it at the end."""
        app, alchemy = build(wiring, settings)
        async with AsyncExitStack() as stack:
            # Upstream prints what it does.
            with redirect_stdout(io.StringIO()):
                await stack.enter_async_context(Lifespan(app))
            yield cls(app, alchemy)

    async def send(self, body: Mapping[str, Any], key: str | None) -> Answer:
        """Send one request and return its answer."""
        headers = {"idempotency-key": key} if key is not None else None
        try:
            recording = await asgi.request(
                self._app, "POST", "/entries", json=body, headers=headers
            )
        except TimeoutError:
            return NO_ANSWER
        if not recording.started:
            return Answer(500)
        replayed = "idempotency-replayed" in recording.headers
        return _read(recording.status, recording.body, replayed=replayed)

    async def out(self) -> int:
        """Return how many connections are with somebody."""
        checked_out: int = self._alchemy.get_engine().pool.checkedout()
        return checked_out


class Served:
    """The application under uvicorn, in a process that can be killed.

    Args:
        wiring: How it is wired.
        settings: Its database.

    Attributes:
        left_over: Connections that one of its processes has left behind at its end.
    """

    def __init__(self, wiring: Wiring, settings: Settings) -> None:
        self.left_over = 0
        self._port = free_port()
        arguments = {"wiring": asdict(wiring), "settings": asdict(settings)}
        self._command = [
            *(sys.executable, "-m", "faults.serve"),
            json.dumps({**arguments, "port": self._port}),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @asynccontextmanager
    async def started(cls, wiring: Wiring, settings: Settings) -> AsyncGenerator["Served"]:
        """Start a server, and end it."""
        server = cls(wiring, settings)
        try:
            await server.start()
            yield server
        finally:
            await server.end(signal.SIGKILL)

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        silent = subprocess.DEVNULL
        self._process = await asyncio.to_thread(
            subprocess.Popen, self._command, cwd=_ROOT, stdout=silent, stderr=silent
        )
        async with asyncio.timeout(_START_TIMEOUT):
            while True:
                if await self._exchange(b"GET /out", b"", {}) is not REFUSED:
                    return
                await asyncio.sleep(0.05)

    async def end(self, how: signal.Signals) -> None:
        """Send it a signal, and wait until it has gone."""
        if self._process is not None:
            self._process.send_signal(how)
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def send(self, body: Mapping[str, Any], key: str | None) -> Answer:
        """Send one request and return its answer; with `leave` among the body, go away then."""
        fields = dict(body)
        leave = fields.pop("leave", None)
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = key
        sending = self._exchange(b"POST /entries", json.dumps(fields).encode(), headers)
        try:
            async with asyncio.timeout(_PATIENCE if leave is None else leave):
                return await sending
        except TimeoutError:
            return NO_ANSWER

    async def out(self) -> int:
        """Return how many connections of its pool are with somebody, or were left behind."""
        reader, writer = await self._ask(b"GET /out", b"", {})
        answer = await reader.read()
        writer.transport.abort()
        return self.left_over + int(answer.rpartition(b"\r\n\r\n")[2])

    async def _ask(
        self, target: bytes, body: bytes, headers: Mapping[str, str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [target + b" HTTP/1.1", b"host: here", b"connection: close"]
        lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        lines.append(b"content-length: %d" % len(body))
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return reader, writer

    async def _exchange(self, target: bytes, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            reader, writer = await self._ask(target, body, headers)
        except OSError:
            return REFUSED
        content = b""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            # The status line is what the client was told, whether the body arrives or not.
            with suppress(OSError):
                content = await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            return NO_ANSWER
        finally:
            writer.transport.abort()
        return _read(int(head.split()[1]), content, replayed="idempotency-replayed" in head)


def _read(status: int, body: bytes, *, replayed: bool) -> Answer:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    problem = content.get("type") if isinstance(content, dict) else None
    return Answer.of(status, problem, replayed=replayed)
