"""A TCP proxy before a database: it can be slow or mute, cut connections, or lose one reply.

It knows no protocol, so it works before any server that is reached without TLS. What it does to all
connections, open and new, is said to the `Proxy`; each `Link` of `Proxy.links` can be told apart.
"""

import asyncio
import re
from typing import Literal, Self

from tests.engines.process import free_port

__all__ = ("Link", "Proxy")

_CHUNK = 65536

Loss = Literal["request", "reply", "reply, silently"]


class Link:
    """One connection through the proxy.

    Attributes:
        delay: Seconds that every piece of data waits, in both directions; None for the proxy's.
    """

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter) -> None:
        self.delay: float | None = None
        self._proxy = proxy
        self._writers = [client]
        self._passing = asyncio.Event()
        self._passing.set()
        self._loses: Loss | None = None

    def reset(self) -> None:
        """Cut it on both sides."""
        for writer in self._writers:
            writer.transport.abort()

    def black_hole(self) -> None:
        """Forward nothing any more, not even that a side has closed, until `heal()`."""
        self._passing.clear()

    def heal(self) -> None:
        """Forward again, beginning with what came meanwhile."""
        self._passing.set()

    async def serve(self, requests: asyncio.StreamReader, port: int) -> None:
        """Forward until either side is gone, which ends the other."""
        try:
            await self._passing.wait()
            replies, server = await asyncio.open_connection("127.0.0.1", port)
            self._writers.append(server)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._forward(requests, server))
                pumps.create_task(self._back(replies, self._writers[0]))
        except* (OSError, EOFError):
            pass
        finally:
            self.reset()

    async def _forward(self, requests: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while True:
            data = await self._receive(requests)
            self._loses = self._proxy.loss_in(data) or self._loses
            if self._loses == "request":
                self._proxy.lost.set()
                raise EOFError
            server.write(data)
            await server.drain()

    async def _back(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while True:
            data = await self._receive(replies)
            if self._loses is None:
                client.write(data)
                await client.drain()
                continue
            self._proxy.lost.set()
            client.write(self._proxy.instead)
            if self._loses == "reply":
                raise EOFError

    async def _receive(self, stream: asyncio.StreamReader) -> bytes:
        try:
            data = await stream.read(_CHUNK)
        finally:
            # An end passes as late as data does: behind a black hole nobody learns of it.
            await self._passing.wait()
        if not data:
            raise EOFError
        await asyncio.sleep(self._proxy.delay if self.delay is None else self.delay)
        return data


class Proxy:
    """Stands between a driver and its server, for as long as its `async with` block.

    Args:
        port: The server's, on 127.0.0.1.

    Attributes:
        port: The proxy's own, the same for as long as it lives.
        links: The open connections, oldest first.
        delay: Seconds that every piece of data waits, in both directions.
        instead: What the client gets in place of a lost reply.
        lost: Set once something was lost as `lose_reply` or `lose_request` asked for.
    """

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.links: list[Link] = []
        self.delay = 0.0
        self.instead = b""
        self.lost = asyncio.Event()
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._swallowing = False
        self._marker = re.compile(b"")
        self._loss: Loss | None = None

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        self.reset()
        self.heal()
        await asyncio.gather(*self._tasks)

    def reset(self) -> None:
        """Cut every open connection; new ones are accepted."""
        for link in self.links:
            link.reset()

    def refuse(self) -> None:
        """Let new connections be refused, as if nobody listened; open ones stay."""
        self._server.close()

    async def accept(self) -> None:
        """Accept connections, again after `refuse()`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def lead_to(self, port: int) -> None:
        """Cut every open connection; new ones lead to another server on 127.0.0.1."""
        self._target = port
        self.reset()

    def black_hole(self) -> None:
        """Accept connections and data, and forward nothing, until `heal()`."""
        self._swallowing = True
        for link in self.links:
            link.black_hole()

    def heal(self) -> None:
        """Forward again, beginning with what came meanwhile."""
        self._swallowing = False
        for link in self.links:
            link.heal()

    def lose_reply(self, marker: bytes, *, silent: bool = False, instead: bytes = b"") -> None:
        """Let the next request that holds `marker` reach the server, but not its reply return.

        Args:
            marker: For example `b"COMMIT"`; readable only on a connection without TLS.
            silent: Leave that connection open and mute, instead of cutting it.
            instead: What the client gets in place of the reply.
        """
        self._look_for(marker)
        self._loss, self.instead = "reply, silently" if silent else "reply", instead

    def lose_request(self, marker: bytes) -> None:
        """Cut the connection as the next request that holds `marker` comes by: it is not forwarded.

        Args:
            marker: As for `lose_reply`.
        """
        self._look_for(marker)
        self._loss = "request"

    def lose_nothing(self) -> None:
        """Take back what `lose_reply` or `lose_request` asked for, where it has not happened."""
        self._loss = None

    def _look_for(self, marker: bytes) -> None:
        # A word of its own: drivers of MySQL say AUTOCOMMIT as they connect.
        self._marker = re.compile(rb"\b%s\b" % re.escape(marker))

    def loss_in(self, request: bytes) -> Loss | None:
        """Return what is to be lost of a request, once; links ask this."""
        if self._loss is None or not self._marker.search(request):
            return None
        loss, self._loss = self._loss, None
        return loss

    async def _serve(self, requests: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = Link(self, client)
        if self._swallowing:
            link.black_hole()
        self.links.append(link)
        self._tasks.add(task)
        try:
            await link.serve(requests, self._target)
        finally:
            self.links.remove(link)
            self._tasks.discard(task)
