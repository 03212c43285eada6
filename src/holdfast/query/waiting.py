"""Calling the methods of an async service from code that works on a sync session."""

from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from sqlalchemy.util import await_only

__all__ = ("finished",)

T = TypeVar("T")


def finished(outcome: Awaitable[T] | T) -> T:
    """Return what a service's method came to, whether the service is async or sync.

    Args:
        outcome: What the call returned. An awaitable is awaited by the greenlet that
            ``AsyncSession.run_sync`` has started, so it must be one of such a call.
    """
    if isinstance(outcome, Awaitable):
        return cast("T", await_only(cast("Any", outcome)))
    return outcome
