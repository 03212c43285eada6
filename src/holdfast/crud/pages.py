"""What a list answers, and the links that lead on from it."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, Field

__all__ = ("CursorPage", "OffsetPage", "link_header")

T = TypeVar("T")


class OffsetPage(BaseModel, Generic[T]):
    """A page by number of rows left out before it."""

    items: Sequence[T] = Field(description="The rows of this page.")
    limit: int = Field(description="How many rows the page may have.")
    offset: int = Field(description="How many rows were left out before it.")
    total: int | None = Field(description="How many rows there are, where they were counted.")


class CursorPage(BaseModel, Generic[T]):
    """A page by place in the order: what is inserted or deleted elsewhere does not shift it."""

    items: Sequence[T] = Field(description="The rows of this page.")
    limit: int = Field(description="How many rows the page may have.")
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last.")
    previous_cursor: str | None = Field(description="That of the page before; null on the first.")
    total: int | None = Field(description="How many rows there are, where they were counted.")


def link_header(
    path: str, query: Sequence[tuple[str, str]], links: Mapping[str, Mapping[str, str | None]]
) -> str:
    """Return the value of a ``Link`` header (RFC 8288).

    Its targets are relative to the host: what it is called may be known to a proxy alone.

    Args:
        path: The path of the page, as headers take it.
        query: Its query parameters.
        links: By relation, the query parameters in which the other page's URL differs; None for
            one that it lacks.
    """
    return ", ".join(
        f'<{_target(path, query, changes)}>; rel="{rel}"' for rel, changes in links.items()
    )


def _target(path: str, query: Sequence[tuple[str, str]], changes: Mapping[str, str | None]) -> str:
    kept = [(name, value) for name, value in query if name not in changes]
    added = [(name, value) for name, value in changes.items() if value is not None]
    return f"{path}?{urlencode(kept + added)}" if kept or added else path
