"""A TCP proxy before a database that can be slow, cut connections, or lose one particular reply."""

import asyncio
import re
from typing import Self

__all__ = ("Proxy",)


class Proxy:
    """Stands between a driver and its server, for as long as its `async with` block.

    Args:
        port: The server's, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
        self._marker: re.Pattern[bytes] | None = None
        self._silent = False
        self._instead = b""
        self.lost = asyncio.Event()  # set once the server has sent the reply that is to be lost
        self.delay = 0.0  # seconds that every piece of data waits, in both directions

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = [task for task in self._open if task is not None and task.cancel()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def reset(self) -> None:
        """Cut every open connection; new ones are accepted."""
        for client in self._open.values():
            client.transport.abort()

    def lose_reply(self, marker: bytes, *, silent: bool = False, instead: bytes = b"") -> None:
        """Let the next request that holds `marker` reach the server, but not its reply return.

        Args:
            marker: For example `b"COMMIT"`; readable only on a connection without TLS.
            silent: Leave that connection open and mute, instead of cutting it.
            instead: What the client gets in place of the reply.
        """
        # A word of its own: drivers of MySQL say AUTOCOMMIT as they connect.
        self._marker = re.compile(rb"\b%s\b" % re.escape(marker))
        self._silent, self._instead = silent, instead

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._open[asyncio.current_task()] = client
        writers = [client]
        try:
            replies, server = await asyncio.open_connection("127.0.0.1", self._target)
            writers.append(server)
            muted = asyncio.Event()
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._forward(reader, server, muted))
                pumps.create_task(self._back(replies, client, muted))
        except* (OSError, EOFError):  # either side is gone, which ends the other
            pass
        finally:
            del self._open[asyncio.current_task()]
            for writer in writers:
                writer.transport.abort()

    async def _forward(
        self, requests: asyncio.StreamReader, server: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await requests.read(65536):
            await asyncio.sleep(self.delay)
            if self._marker is not None and self._marker.search(data):
                self._marker = None
                muted.set()
            server.write(data)
            await server.drain()
        raise EOFError

    async def _back(
        self, replies: asyncio.StreamReader, client: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await replies.read(65536):
            await asyncio.sleep(self.delay)
            if not muted.is_set():
                client.write(data)
                await client.drain()
                continue
            self.lost.set()
            client.write(self._instead)
            if not self._silent:
                break
        raise EOFError
