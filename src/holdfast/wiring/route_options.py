"""Options of one route or router: how often it runs again, and how long a transaction may take."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import HTTPConnection

from holdfast.errors import ConfigurationError
from holdfast.transaction.request import request_transaction
from holdfast.transaction.retry import Retry

__all__ = ("checked_seconds", "options_provider")


def options_provider(
    owner: object,
    retry: Retry | bool | None,
    commit_timeout: float | None,
    statement_timeout: float | None,
) -> Callable[[HTTPConnection], Coroutine[Any, Any, None]]:
    """Return a dependency that sets the options of the request's transaction.

    Args:
        owner: The extension whose boundary the request passed.
        retry: A policy, False for none, None for the extension's own rule.
        commit_timeout: Seconds, or None for the extension's.
        statement_timeout: Seconds, or None for the extension's.
    """
    for name, value in (
        ("commit_timeout", commit_timeout),
        ("statement_timeout", statement_timeout),
    ):
        if value is not None:
            checked_seconds(name, value)

    async def provide_options(connection: HTTPConnection) -> None:
        transaction = request_transaction(connection.scope, owner)
        if retry is not None:
            transaction.retry = retry if isinstance(retry, Retry) else None
        if commit_timeout is not None:
            transaction.timeout = commit_timeout
        if statement_timeout is not None:
            transaction.progress.statement_timeout = statement_timeout

    return provide_options


def checked_seconds(name: str, value: float) -> float:
    """Return a number of seconds that leaves time.

    Raises:
        ConfigurationError: It leaves none.
    """
    if not value > 0:
        raise ConfigurationError(f"{name}={value!r} leaves no time. Write seconds above 0.")
    return value
