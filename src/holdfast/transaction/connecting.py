"""Telling an error of getting a connection from every other by where it was raised."""

from http import HTTPStatus
from traceback import walk_tb

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from holdfast.problems import Problem

__all__ = ("GUARD_KEY", "POOL_EXHAUSTED", "failed_to_connect")

GUARD_KEY = "holdfast_guard"
"""Where a session's ``info`` holds its guard."""

POOL_EXHAUSTED = Problem(
    "pool-exhausted",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Overloaded",
    "Too many requests are at work at the moment. Nothing was changed; repeat the request later.",
    retry_after=1,
)
# Drivers let a refused socket and their own time limits through unwrapped, and SQLAlchemy does too.
_KINDS = (PoolTimeoutError, DBAPIError, OSError, EOFError)


def failed_to_connect(error: BaseException) -> bool:
    """Tell whether an error is that of a pool from which one of our sessions wanted a connection.

    No class says so, since a handler's own sockets fail with the same; and no event is called for
    an error that is not the driver's. The frames that it passed do.
    """
    if not isinstance(error, _KINDS):
        return False
    ours = False
    for frame, _ in walk_tb(error.__traceback__):
        if ours and frame.f_code is Pool.connect.__code__:
            return True
        owner = frame.f_locals.get("self")
        ours = ours or (isinstance(owner, Session) and GUARD_KEY in owner.info)
    return False
