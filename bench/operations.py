"""The three operations that are measured, and the requests that perform them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from uuid import UUID

__all__ = ("OPERATIONS", "ROWS", "Operation", "Request", "author_id")

ROWS = 1_000
"""Authors in the table when the first request arrives."""

_PAGES = 5
_FILTERS = (
    "searchString=er&searchIgnoreCase=true&createdAfter=2024-01-03T00:00:00Z"
    "&orderBy=name&sortOrder=asc&pageSize=20"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, apart from its headers."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""

    @property
    def target(self) -> str:
        """The path with its query, as the request line has it."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Operation:
    """What is measured.

    Attributes:
        name: Its name in tables and results.
        status: The status of its success.
        writes: Whether every request adds a row.
    """

    name: str
    status: int = 200
    writes: bool = False

    def requests(self) -> Iterator[Request]:
        """Return its requests without end: pages and authors take turns, new names never repeat."""
        if self.writes:
            return _creations()
        return cycle(_pages() if self.name == "list" else _lookups())


def author_id(number: int) -> UUID:
    """Return the id of one of the first authors, spread as random ids are."""
    return UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)


def _pages() -> Iterator[Request]:
    for page in range(1, _PAGES + 1):
        yield Request("GET", "/authors", f"{_FILTERS}&currentPage={page}")


def _lookups() -> Iterator[Request]:
    for number in range(ROWS):
        yield Request("GET", f"/authors/{author_id(number)}")


def _creations() -> Iterator[Request]:
    start = time.time_ns()
    for number in count():
        name = f"{start:x}-{number}"
        body = f'{{"name":"{name}","email":"{name}@example.org","born":"1921-09-12"}}'
        yield Request("POST", "/authors", body=body.encode())


OPERATIONS = (Operation("list"), Operation("get"), Operation("create", status=201, writes=True))
