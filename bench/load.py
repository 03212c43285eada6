"""The load generator: keep-alive connections that each send the next request at once.

It reads no more of an answer than it needs to know where it ends, so that it costs a small part of
what the fastest side costs; results hold the share of a core that it used.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import cast

from typing_extensions import override

from bench.operations import Operation, Request

__all__ = ("Round", "run_round", "wire_format")

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Round:
    """One round over HTTP.

    Attributes:
        requests: How many were answered.
        seconds: How long that took.
        generator: Seconds of CPU that the load generator used meanwhile.
    """

    requests: int
    seconds: float
    generator: float


async def run_round(
    port: int, operation: Operation, requests: Iterator[Request], number: int, connections: int
) -> Round:
    """Send a number of requests over a number of connections.

    Args:
        port: Where the server listens.
        operation: What the requests perform; another status than its own ends the round.
        requests: Where to take them from.
        number: How many.
        connections: How many are under way at a time.
    """
    feed = iter([wire_format(request) for request in islice(requests, number)])
    expected = f"HTTP/1.1 {operation.status} ".encode()
    loop = asyncio.get_running_loop()
    clients = [_Client(feed, expected, loop.create_future()) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
    wall, cpu = time.perf_counter(), time.process_time()
    for client in clients:
        client.send_next()
    await asyncio.gather(*(client.done for client in clients))
    return Round(number, time.perf_counter() - wall, time.process_time() - cpu)


def wire_format(request: Request) -> bytes:
    """Return a request as it is sent."""
    head = f"{request.method} {request.target} HTTP/1.1\r\nhost: bench\r\n"
    if request.body:
        head += f"content-type: application/json\r\ncontent-length: {len(request.body)}\r\n"
    return f"{head}\r\n".encode() + request.body


def _itself(client: "_Client") -> "_Client":
    return client


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, feed: Iterator[bytes], expected: bytes, done: "asyncio.Future[None]"
    ) -> None:
        self.done = done
        self._feed = feed
        self._expected = expected
        self._buffer = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        """Send the next request, or close where there is none."""
        request = next(self._feed, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
        else:
            self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return
        found = self._buffer.index(_LENGTH) + len(_LENGTH)
        length = int(self._buffer[found : self._buffer.index(b"\r\n", found)])
        if len(self._buffer) < end + len(_HEAD_END) + length:
            return
        answer, self._buffer = self._buffer, b""
        if answer.startswith(self._expected):
            self.send_next()
        else:
            self._fail(f"unexpected answer: {answer[:2000]!r}")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server closed the connection: {exc}")

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))
            self._transport.close()
