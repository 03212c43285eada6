"""Cursors: the place beside one row of a list, as an opaque text for clients.

A cursor holds the sort keys of one row and nothing else. It is no secret and no permission: who
makes one up reads the same list, from a place of their choice.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from http import HTTPStatus
from typing import Any, cast

from holdfast.problems import Problem, ProblemError
from holdfast.query.sort import Order
from holdfast.query.stored_values import StoredKey

__all__ = (
    "LONGEST_CURSOR",
    "Cursor",
    "Side",
    "decode_cursor",
    "encode_cursor",
    "fingerprint",
    "invalid_cursor",
)

LONGEST_CURSOR = 8000
"""How many characters a cursor may have."""

_DIGEST = 8


class Side(Enum):
    """Which rows a cursor leads to, as seen from the row that it was made of."""

    AFTER = ">"
    FROM = ">="
    BEFORE = "<"
    UNTIL = "<="

    @property
    def backwards(self) -> bool:
        """Whether the rows lie before it, the nearest of which come first."""
        return self in {Side.BEFORE, Side.UNTIL}

    @property
    def inclusive(self) -> bool:
        """Whether a row with the same keys is one of them."""
        return self in {Side.FROM, Side.UNTIL}


@dataclass(frozen=True)
class Cursor:
    """A place in a list.

    Attributes:
        side: Which rows it leads to.
        values: The sort keys of the row that it was made of, as the database gave them.
    """

    side: Side
    values: tuple[Any, ...]


def fingerprint(order: Order, parameters: Mapping[str, Any]) -> bytes:
    """Return what a cursor is bound to: it is refused where this is another.

    Args:
        order: The order of the list.
        parameters: What else decides which rows are in it: the filters that were sent and ``q``,
            by name. Not the scope, which holds whatever a cursor says.
    """
    bound = [order.model.__qualname__, order.text, dict(parameters)]
    text = json.dumps(bound, sort_keys=True, default=_parameter_text)
    return sha256(text.encode()).digest()[:_DIGEST]


def encode_cursor(cursor: Cursor, keys: Sequence[StoredKey], bound_to: bytes) -> str:
    """Return a cursor as clients get it.

    Args:
        cursor: The place.
        keys: The keys of the list's order, on its engine.
        bound_to: What `fingerprint` returned.
    """
    values = [
        None if value is None else key.encode(value)
        for key, value in zip(keys, cursor.values, strict=True)
    ]
    content = _content([cursor.side.value, *values])
    return _text(bound_to + _checksum(bound_to, content) + content)


def decode_cursor(text: str, keys: Sequence[StoredKey], bound_to: bytes) -> Cursor:
    """Return the place that a client's cursor is about.

    Args:
        text: What the client sent.
        keys: The keys of the list's order, on its engine.
        bound_to: What `fingerprint` returned.

    Raises:
        ProblemError: 422 ``invalid-cursor``: it was made for another order or filter, is damaged,
            or never was a cursor.
    """
    try:
        raw = _bytes(text)
    except ValueError:
        raise invalid_cursor("This is no cursor of this list.") from None
    if raw[:_DIGEST] != bound_to:
        raise invalid_cursor("The cursor is of another list, or of another sort or filter.")
    content = raw[2 * _DIGEST :]
    if raw[_DIGEST : 2 * _DIGEST] != _checksum(bound_to, content):
        raise invalid_cursor("The cursor is damaged.")
    try:
        side, *values = _read(content)
        decoded = [_decoded(key, value) for key, value in zip(keys, values, strict=True)]
        return Cursor(Side(side), tuple(decoded))
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        raise invalid_cursor("This is no cursor of this list.") from None


def invalid_cursor(message: str) -> ProblemError:
    """Return the error that tells a client to begin again.

    Args:
        message: What is wrong with the cursor.
    """
    return ProblemError(
        Problem(
            "invalid-cursor",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Cursor not acceptable",
            f"{message} Begin again without one.",
            extensions={
                "errors": [{"loc": ["query", "cursor"], "msg": message, "type": "invalid_cursor"}]
            },
        )
    )


def _decoded(key: StoredKey, value: Any) -> Any:
    if value is not None:
        return key.decode(value)
    if not key.nullable:
        raise ValueError("is never NULL")
    return None


def _content(parts: list[Any]) -> bytes:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def _read(content: bytes) -> list[Any]:
    parts: Any = json.loads(content.decode())
    if not content.startswith(b"[") or _content(parts) != content:
        raise ValueError("not as written")
    return cast("list[Any]", parts)


def _checksum(bound_to: bytes, content: bytes) -> bytes:
    # Against damage, not against forgery: there is nothing to gain by that.
    return sha256(bound_to + content).digest()[:_DIGEST]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    if len(text) > LONGEST_CURSOR:
        raise ValueError("too long")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("no base64") from None
    # The decoder skips what is no base64, and takes several texts for the same bytes.
    if _text(raw) != text:
        raise ValueError("not as written")
    return raw


def _parameter_text(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(map(str, cast("Any", value)))
    return str(value)
