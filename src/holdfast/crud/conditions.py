"""Dependencies that read a request's preconditions (RFC 9110, section 13)."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header

from holdfast.query.preconditions import ENTITY_TAGS, Precondition
from holdfast.query.values import Documented
from holdfast.wiring.openapi import mark

__all__ = ("EntityTags", "provide_condition", "provide_precondition")

_IF_MATCH = "The ETag that was read: the change is made only if the row still has it."
_IF_NONE_MATCH = "`*` to create only: a row that is there already is left alone."
_READ_IF_NONE_MATCH = "The ETag that was read: if the row still has it, the answer is a 304."

EntityTags = Annotated[
    str | None,
    Documented({"type": "string", "pattern": ENTITY_TAGS, "examples": ['"1"']}, alone=True),
]
"""A header with entity tags. What has another form is refused by ``Precondition``."""

Provides = Callable[..., Coroutine[Any, Any, Precondition]]


def provide_precondition(*, required: bool, creates: bool) -> Provides:
    """Return the dependency that reads the precondition of a write.

    Args:
        required: Whether a request without one is refused with 428 (RFC 6585).
        creates: Whether the row may be new, so that ``If-None-Match`` is read as well.
    """

    def checked(precondition: Precondition) -> Precondition:
        if required:
            precondition.require()
        return precondition

    async def read_precondition(
        if_match: Annotated[EntityTags, Header(description=_IF_MATCH)] = None,
    ) -> Precondition:
        return checked(Precondition.from_headers(if_match, None))

    async def read_put_precondition(
        if_match: Annotated[EntityTags, Header(description=_IF_MATCH)] = None,
        if_none_match: Annotated[EntityTags, Header(description=_IF_NONE_MATCH)] = None,
    ) -> Precondition:
        return checked(Precondition.from_headers(if_match, if_none_match))

    dependency: Provides = read_put_precondition if creates else read_precondition
    statuses = [HTTPStatus.PRECONDITION_FAILED]
    if required:
        statuses.append(HTTPStatus.PRECONDITION_REQUIRED)
    # A PUT may have either of the two.
    mark(dependency, *statuses, required="if-match" if required and not creates else None)
    return dependency


def provide_condition() -> Provides:
    """Return the dependency that reads the condition of a read."""

    async def read_condition(
        if_none_match: Annotated[EntityTags, Header(description=_READ_IF_NONE_MATCH)] = None,
    ) -> Precondition:
        return Precondition.from_headers(None, if_none_match)

    return read_condition
