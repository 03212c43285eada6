"""The ceiling: the same answers by bare ASGI, the driver's own best SQL, and orjson.

No framework, no ORM, no validation. Handlers as users write them cannot come near; it says how far
there would be to go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from bench.sides.authors import PAGE_SIZE

__all__ = ("Ceiling", "ListRequest", "Row", "Store")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list's query string asks for."""

    search: str
    created_after: str
    limit: int
    offset: int

    @classmethod
    def read(cls, query: bytes) -> "ListRequest":
        """Read it from the query string."""
        given = dict(parse_qsl(query.decode()))
        limit = int(given.get("pageSize", PAGE_SIZE))
        offset = limit * (int(given.get("currentPage", 1)) - 1)
        return cls(given["searchString"], given["createdAfter"], limit, offset)


class Store(Protocol):
    """The table, through a driver."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def page(self, request: ListRequest) -> tuple[list[Row], int]:
        """Return a page and the total, read by one statement."""
        ...

    async def get(self, author_id: str) -> Row | None:
        """Return one author."""
        ...

    async def create(self, values: Row) -> Row:
        """Add an author in a transaction of its own, and return it once it is committed."""
        ...


class Ceiling:
    """The three operations as an ASGI application.

    Args:
        store: The table.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status, content = await self._answer(scope, receive)
        body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
        length = str(len(body)).encode()
        headers = [(b"content-length", length), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        if scope["method"] == "POST":
            return 201, await self.store.create(orjson.loads(await _read_body(receive)))
        if scope["path"] == "/authors":
            request = ListRequest.read(scope["query_string"])
            items, total = await self.store.page(request)
            page = {"limit": request.limit, "offset": request.offset, "total": total}
            return 200, {"items": items, **page}
        author = await self.store.get(scope["path"].removeprefix("/authors/"))
        return (404, {"detail": "Not Found"}) if author is None else (200, author)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.store.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.store.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body
