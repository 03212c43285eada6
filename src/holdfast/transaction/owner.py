"""Whose boundary a request passes, as far as the boundary has to know."""

from typing import Protocol

from holdfast.problems import Problem
from holdfast.transaction.retry import Retry

__all__ = ("Owner",)


class Owner(Protocol):
    """Whoever attached a boundary: an extension with its databases.

    Attributes:
        commit_timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
        statement_timeout: Seconds that one statement may run; None for no bound.
        retry: The policy for requests with a safe method, and for those that ask for the default.
    """

    commit_timeout: float
    statement_timeout: float | None
    retry: Retry | None

    async def prepare(self) -> None:
        """Make ready for a request."""

    def problem_for(self, error: Exception) -> Problem | None:
        """Return the problem that an error is to a client, where it is none of the database's."""
