"""Which answers commit, and what becomes of changes that they leave uncommitted."""

import logging
from collections.abc import MutableMapping
from typing import Any

from holdfast.errors import UncommittedChangesError
from holdfast.transaction.unit import AnyUnit, SessionSource

__all__ = ("check_left_over", "commits", "route_name")

logger = logging.getLogger("holdfast.transaction")

_SUCCESS = range(200, 300)
_REDIRECTION = range(300, 400)


def commits(source: SessionSource, status: int, mode: str | None = None) -> bool:
    """Tell whether a status commits under a commit mode: the request's own, or the database's."""
    mode = mode or source.commit_mode
    if mode == "autocommit":
        return status in _SUCCESS
    if mode == "autocommit_include_redirect":
        return status in _SUCCESS or status in _REDIRECTION
    return False


def check_left_over(
    scope: MutableMapping[str, Any], source: SessionSource, unit: AnyUnit, status: int
) -> None:
    """Let no change vanish silently behind an answer that does not look like a failure.

    Raises:
        UncommittedChangesError: A success would be sent over flushed changes.
    """
    if source.on_uncommitted == "ignore":
        return
    if status in _REDIRECTION and source.commit_mode == "autocommit" and unit.writes:
        logger.warning(
            "%s: changes on bind %r are rolled back with status %s; to keep them, set "
            'commit_mode="autocommit_include_redirect" or commit before returning',
            route_name(scope),
            unit.key,
            status,
        )
    if status not in _SUCCESS:
        return
    if unit.writes and source.on_uncommitted == "error":
        raise UncommittedChangesError(route_name(scope), unit.key)
    if unit.writes or unit.unflushed():
        logger.warning("%s", UncommittedChangesError(route_name(scope), unit.key))


def route_name(scope: MutableMapping[str, Any]) -> str:
    """Return method and path of a request, for people who read logs."""
    return f"{scope.get('method', 'WEBSOCKET')} {scope.get('path', '')}"
