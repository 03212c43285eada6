"""What a list answers, and the links that lead on from it."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, Field
from starlette.datastructures import URL

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


def link_header(url: URL, links: Mapping[str, Mapping[str, str | None]]) -> str:
    """Return the value of a ``Link`` header (RFC 8288).

    Args:
        url: The URL of the page.
        links: By relation, the query parameters in which the other page's URL differs; None for
            one that it lacks.
    """
    return ", ".join(f'<{_target(url, query)}>; rel="{rel}"' for rel, query in links.items())


def _target(url: URL, query: Mapping[str, str | None]) -> str:
    changed = url.remove_query_params([*query])
    changed = changed.include_query_params(**{k: v for k, v in query.items() if v is not None})
    # Relative to the host: what it is called may be known to a proxy alone.
    return f"{changed.path}?{changed.query}" if changed.query else changed.path
