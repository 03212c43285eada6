"""Options of one route or router: who commits, how often it runs, how long it may take."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, get_args

from fastapi import Header
from starlette.requests import HTTPConnection
from starlette.responses import Response

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemResponse
from holdfast.transaction.idempotency import HEADER
from holdfast.transaction.request import RequestTransaction, request_transaction
from holdfast.transaction.retry import Retry
from holdfast.wiring.config import CommitMode
from holdfast.wiring.mistakes import check_choice
from holdfast.wiring.openapi import mark

__all__ = ("RouteOptions", "checked_seconds", "options_provider")

# A preference (RFC 7240), as PostgREST knows it.
_ROLLBACK = "tx=rollback"
_PREFER = (
    f"`{_ROLLBACK}` for a dry run: everything is checked and answered as if it were done, and then "
    "rolled back. The answer has `Preference-Applied`."
)
_KEY_OF_NOTHING = Problem(
    "idempotency-key-of-dry-run",
    HTTPStatus.BAD_REQUEST,
    "Dry run with a key",
    "A dry run changes nothing, so there is nothing to keep under an idempotency key. "
    "Leave one of the two headers out.",
)


@dataclass(frozen=True)
class RouteOptions:
    """What a route has of its own; None for what the extension says.

    Attributes:
        retry: A policy, or False for none.
        commit_timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
        statement_timeout: Seconds that one statement may run.
        commit_mode: Who commits.
        dry_run: Whether a client may ask for everything to be rolled back.
    """

    retry: Retry | bool | None = None
    commit_timeout: float | None = None
    statement_timeout: float | None = None
    commit_mode: CommitMode | None = None
    dry_run: bool = False

    def check(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: A time leaves no time, or a mode is unknown.
        """
        if self.commit_mode is not None:
            check_choice("commit_mode", self.commit_mode, get_args(CommitMode))
        if self.commit_timeout is not None:
            checked_seconds("commit_timeout", self.commit_timeout)
        if self.statement_timeout is not None:
            checked_seconds("statement_timeout", self.statement_timeout)

    def apply(self, transaction: RequestTransaction) -> None:
        """Set the options of a request's transaction."""
        if self.retry is not None:
            transaction.retry = self.retry if isinstance(self.retry, Retry) else None
        if self.commit_mode is not None:
            transaction.commit_mode = self.commit_mode
        if self.commit_timeout is not None:
            transaction.timeout = self.commit_timeout
        if self.statement_timeout is not None:
            transaction.progress.statement_timeout = self.statement_timeout


def options_provider(
    owner: object, options: RouteOptions
) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a dependency that sets the options of the request's transaction.

    Args:
        owner: The extension whose boundary the request passed.
        options: What the route has of its own.

    Raises:
        ConfigurationError: A time leaves no time, or a mode is unknown.
    """
    options.check()

    async def provide_options(connection: HTTPConnection) -> None:
        options.apply(request_transaction(connection.scope, owner))

    async def provide_options_and_dry_run(
        connection: HTTPConnection,
        response: Response,
        prefer: Annotated[str | None, Header(description=_PREFER)] = None,
    ) -> None:
        transaction = request_transaction(connection.scope, owner)
        options.apply(transaction)
        if prefer is not None and _asks_for_rollback(prefer):
            if HEADER in connection.headers:
                transaction.divert(ProblemResponse(_KEY_OF_NOTHING))
            transaction.rehearsal = True
            response.headers["preference-applied"] = _ROLLBACK

    mark(provide_options_and_dry_run, HTTPStatus.BAD_REQUEST)
    return provide_options_and_dry_run if options.dry_run else provide_options


def _asks_for_rollback(prefer: str) -> bool:
    preferences = (part.partition(";")[0].replace(" ", "") for part in prefer.split(","))
    return _ROLLBACK in {preference.replace('"', "").lower() for preference in preferences}


def checked_seconds(name: str, value: float) -> float:
    """Return a number of seconds that leaves time.

    Raises:
        ConfigurationError: It leaves none.
    """
    if not value > 0:
        raise ConfigurationError(f"{name}={value!r} leaves no time. Write seconds above 0.")
    return value
