"""What the boundary tells of an error, for work that runs without one."""

from holdfast.problems import Problem
from holdfast.transaction.failure import problem_for
from holdfast.transaction.violation import Statement
from tests.library import Author

__all__ = ("explain",)


def explain(error: Exception) -> Problem | None:
    """Return the problem of an error that a statement about authors met."""
    return problem_for(error, statement_of=lambda _: Statement(Author.__table__))  # type: ignore[arg-type]
