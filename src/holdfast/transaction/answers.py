"""What is sent in place of an answer that had to be withheld."""

import inspect
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from holdfast.problems import Problem, ProblemResponse
from holdfast.transaction import metrics
from holdfast.transaction.failure import problem_for
from holdfast.transaction.kinds import OUTCOME_UNKNOWN, STALE
from holdfast.transaction.violation import Statement

__all__ = ("Diverted", "has_catch_all", "instead_of", "problem_response")

logger = logging.getLogger("holdfast.transaction")

_SUCCESS = range(200, 300)
_REPEAT_FOR_OUTCOME = (
    "The result of the commit was lost: the change may or may not have been made. "
    "Repeat the request with the same key to learn which, and to have it made once."
)


class Diverted(Exception):  # noqa: N818 - unwinds the application; nobody handles it
    """Raised to unwind an application whose answer was decided on beside it."""


async def instead_of(
    request: Request,
    error: Exception,
    statement_of: Callable[[BaseException], Statement | None],
    *,
    repeatable: bool = False,
) -> Response | None:
    """Return the answer to a transaction that could not end as the handler's answer promised.

    The handler that the application registered for the error goes first. An answer of its that
    would again claim success is not taken.

    Args:
        request: The request whose answer was withheld.
        error: Why.
        statement_of: Gives the statement that met an error.
        repeatable: Whether the request has an idempotency key, so that it may be sent again even
            where nobody knows what became of it.

    Returns:
        The answer, or None for an error that is no database's: it belongs to whoever watches for
        errors.
    """
    for candidate in (error, error.__cause__):
        handler = _registered_handler(request.scope, candidate)
        if handler is not None and isinstance(candidate, Exception):
            response = await _call(handler, request, candidate)
            if response is not None and response.status_code not in _SUCCESS:
                return response
    problem = problem_for(error, settling=True, statement_of=statement_of)
    if repeatable and problem is OUTCOME_UNKNOWN:
        problem = replace(OUTCOME_UNKNOWN, detail=_REPEAT_FOR_OUTCOME, retry_after=1)
    return None if problem is None else problem_response(request.scope, problem, error)


def problem_response(
    scope: MutableMapping[str, Any], problem: Problem, error: BaseException
) -> ProblemResponse:
    """Return the answer for a problem, and log what it must not tell the client."""
    if problem is STALE and "if-match" in Headers(raw=scope["headers"]):
        # The client said what it had read, and that is no longer so (RFC 9110, section 13.1.1).
        problem = replace(STALE, status=HTTPStatus.PRECONDITION_FAILED)
    level = logging.ERROR if problem.retry_after is None else logging.WARNING
    metrics.commit_failed(problem.code)
    expected = problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
    logger.log(
        logging.INFO if expected else level,
        "%s %s was not committed: %s",
        scope.get("method"),
        scope.get("path"),
        problem.code,
        exc_info=None if expected else error,
    )
    return ProblemResponse(problem)


def has_catch_all(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether the application registered a handler for every exception."""
    registered = getattr(scope.get("app"), "exception_handlers", {})
    return Exception in registered or 500 in registered  # noqa: PLR2004


def _registered_handler(
    scope: MutableMapping[str, Any], error: BaseException | None
) -> Callable[..., Any] | None:
    """Look a handler up as Starlette does; its exception middleware leaves them in the scope."""
    handlers, _ = scope.get("starlette.exception_handlers", ({}, {}))
    return next((handlers[cls] for cls in type(error).__mro__ if cls in handlers), None)


async def _call(handler: Callable[..., Any], request: Request, error: Exception) -> Response | None:
    if inspect.iscoroutinefunction(handler):
        answer = await handler(request, error)
    else:
        answer = await run_in_threadpool(handler, request, error)
        if inspect.isawaitable(answer):
            answer = await answer
    return answer if isinstance(answer, Response) else None
