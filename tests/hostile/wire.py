"""A real server, and a client that sends whatever bytes it is given."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal, Self

import uvicorn
from fastapi import FastAPI

__all__ = ("Answer", "Parser", "Wire", "chunked", "head", "served")

Parser = Literal["h11", "httptools"]

DEADLINE = 10.0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: FastAPI, parser: Parser) -> AsyncGenerator[int]:
    """Serve an application, whose lifespan runs elsewhere, and give the port."""
    # Named as TCP, without which asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, http=parser, log_level="critical", lifespan="off", ws="none", access_log=False
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listener]))
        await server.ready.wait()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def head(method: str, target: bytes, *headers: bytes) -> bytes:
    """Return the head of a request with a target of any bytes."""
    lines = (method.encode() + b" " + target + b" HTTP/1.1", b"Host: here", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunked(parts: Iterable[bytes]) -> Iterable[bytes]:
    """Return a body's parts as the chunks of a body whose length is not declared."""
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """An answer as it was read off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection, which tells whether it was ever closed.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        self.opened = 0
        self._port = port

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def exchange(self, *parts: bytes | Iterable[bytes]) -> Answer:
        """Send a request and return its answer, on a new connection where the last was closed.

        An answer may come before all of the request was sent, as it does for one that is refused;
        the rest is sent all the same, because only then can the connection be used again.
        """
        if self._reader.at_eof() or self._writer.is_closing():
            await self._close()
            await self._open()
        sending = asyncio.create_task(self._send(parts))
        async with asyncio.timeout(DEADLINE):
            answer = await self._read()
            with suppress(ConnectionError):
                await sending
        return answer

    async def _open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.opened += 1

    async def _close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _send(self, parts: tuple[bytes | Iterable[bytes], ...]) -> None:
        for part in parts:
            for piece in [part] if isinstance(part, bytes) else part:
                self._writer.write(piece)
                await self._writer.drain()

    async def _read(self) -> Answer:
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status.split()[1]), headers, body)
