"""One page of a list: rows in a total order, by offset or beside a cursor's place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from holdfast.query.cursor import Cursor, Side, decode_cursor, encode_cursor, fingerprint
from holdfast.query.keyset import seek
from holdfast.query.sort import Order, in_order
from holdfast.query.stored_values import StoredKey, stored_keys

__all__ = ("FetchedPage", "fetch_page")

T = TypeVar("T")


@dataclass(frozen=True)
class FetchedPage(Generic[T]):
    """Some rows of a list.

    Attributes:
        rows: The rows, in the order of the list.
        has_more: Whether there are more where it was read to: after these rows, or before them
            where a cursor led backwards.
        next_cursor: Leads to the rows after these; None at the end, and for pages by offset.
        previous_cursor: Leads to those before; None at the beginning, and for pages by offset.
    """

    rows: list[T]
    has_more: bool
    next_cursor: str | None = None
    previous_cursor: str | None = None


def fetch_page(  # noqa: PLR0913 - what a page is made of
    session: Session,
    statement: Select[Any],
    *,
    order: Order,
    limit: int,
    offset: int | None = None,
    cursor: str | None = None,
    bound_to: bytes | None = None,
) -> FetchedPage[Any]:
    """Return a page of the rows that a statement selects.

    Args:
        session: The session to read with.
        statement: ``select(Model)`` with its criteria and options, without order and limit.
        order: The order of the list.
        limit: How many rows at most, at least 1.
        offset: How many rows to pass over; None for pages by cursor.
        cursor: Where the page begins, as an earlier page told; None for the first page.
        bound_to: What `fingerprint` returned for this request; None where nothing but the order
            decides which rows are in the list.

    Raises:
        ProblemError: 422 ``invalid-cursor``.
    """
    dialect = session.get_bind(order.model).dialect
    if offset is not None:
        ordered = in_order(statement, order, dialect.name).limit(limit + 1).offset(offset)
        rows = list(session.scalars(ordered))
        return FetchedPage(rows[:limit], len(rows) > limit)
    keys = stored_keys(order, dialect)
    bound_to = fingerprint(order, {}) if bound_to is None else bound_to
    place = None if cursor is None else decode_cursor(cursor, keys, bound_to)
    backwards = place is not None and place.side.backwards
    ordered = in_order(statement, order, dialect.name, backwards=backwards).limit(limit + 1)
    if place is not None:
        ordered = ordered.where(seek(keys, place, dialect.name))
    read = [key.read.label(f"sort_key_{n}") for n, key in enumerate(keys)]
    found: list[Any] = list(session.execute(ordered.add_columns(*read)))
    has_more = len(found) > limit
    found = found[:limit]
    if backwards:
        found.reverse()
    places = [tuple(row[-len(keys) :]) for row in found]
    return FetchedPage(
        [row[0] for row in found], has_more, *_around(places, place, has_more, keys, bound_to)
    )


def _around(
    places: Sequence[tuple[Any, ...]],
    place: Cursor | None,
    has_more: bool,
    keys: Sequence[StoredKey],
    bound_to: bytes,
) -> tuple[str | None, str | None]:
    """Return the cursors to the rows after a page and to those before it."""
    backwards = place is not None and place.side.backwards
    after: Cursor | None = None
    before: Cursor | None = None
    if places:
        after = Cursor(Side.AFTER, places[-1]) if has_more or backwards else None
        first = Cursor(Side.BEFORE, places[0])
        before = first if (has_more if backwards else place is not None) else None
    elif place is not None and backwards:
        # Nothing is left on this side; all there is lies on the other.
        after = Cursor(Side.FROM if place.side is Side.BEFORE else Side.AFTER, place.values)
    elif place is not None:
        before = Cursor(Side.UNTIL if place.side is Side.AFTER else Side.BEFORE, place.values)
    return (
        None if after is None else encode_cursor(after, keys, bound_to),
        None if before is None else encode_cursor(before, keys, bound_to),
    )
