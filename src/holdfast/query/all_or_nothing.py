"""Many items in one go: all of them, or none and an account of each that failed."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from sqlalchemy.orm import Session

from holdfast.problems import Problem, ProblemError

__all__ = ("Explain", "all_or_nothing", "bulk_failed", "duplicate_item", "too_many_items")

Explain = Callable[[Exception], Problem | None]
"""Tells what an error means to the client, or None where it is not the client's to know."""

R = TypeVar("R")
# A list of ten thousand wrong items would be answered with a megabyte.
_MOST_ERRORS = 100


def all_or_nothing(
    session: Session,
    count: int,
    together: Callable[[], R],
    one: Callable[[int], object],
    explain: Explain,
) -> R:
    """Do something to many items, in a savepoint that a failure undoes.

    After a failure they are done one by one, each in a savepoint of its own, to find all that fail;
    what succeeds among them stays until the end, as it would have done for those after it. Then
    everything is undone.

    Args:
        session: The session whose transaction it happens in.
        count: How many items there are.
        together: Does it to all, in few statements.
        one: Does it to the item with an index.
        explain: Tells what an error means.

    Returns:
        What `together` returns.

    Raises:
        ProblemError: An item failed, and the client is to blame. Other errors are raised as they
            are.
    """
    try:
        with session.begin_nested():
            return together()
    except Exception as error:  # noqa: BLE001 - raised again where it is no item's
        _problem_of(error, explain)
        original = error
    failures: list[tuple[int, Problem]] = []
    with _undone(session):
        for index in range(count):
            try:
                with session.begin_nested():
                    one(index)
            except Exception as error:  # noqa: BLE001 - raised again where it is no item's
                failures.append((index, _problem_of(error, explain)))
    if not failures:
        # It was not the items: a concurrent change has come and gone.
        raise original
    raise bulk_failed(failures) from original


def _problem_of(error: Exception, explain: Explain) -> Problem:
    """Return what the client is told, or raise an error that is no item's fault again."""
    problem = error.problem if isinstance(error, ProblemError) else explain(error)
    if problem is None or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    return problem


@contextmanager
def _undone(session: Session) -> Generator[None]:
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        if savepoint.is_active:
            savepoint.rollback()


def bulk_failed(failures: Sequence[tuple[int, Problem]]) -> ProblemError:
    """Return the answer for items of which some failed.

    Args:
        failures: The index of each that did, and why; the first hundred are told.
    """
    statuses = {problem.status for _, problem in failures}
    told = [
        {"index": index, **_without_title(problem)} for index, problem in failures[:_MOST_ERRORS]
    ]
    return ProblemError(
        Problem(
            "bulk-failed",
            statuses.pop() if len(statuses) == 1 else HTTPStatus.UNPROCESSABLE_ENTITY,
            "Items failed",
            f"{len(failures)} of the items could not be accepted; see `errors`. "
            "Nothing was changed.",
            extensions={"errors": told},
        )
    )


def _without_title(problem: Problem) -> dict[str, object]:
    return {name: value for name, value in problem.members().items() if name != "title"}


def too_many_items(cap: int) -> ProblemError:
    """Return the answer for a list that is longer than it may be."""
    return ProblemError(
        Problem(
            "too-many-items",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            f"There may be at most {cap} items. Nothing was changed.",
        )
    )


def duplicate_item() -> ProblemError:
    """Return the answer for an item that is about the same record as one before it."""
    return ProblemError(
        Problem(
            "duplicate-item",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            "An item before this one is about the same record. Nothing was changed.",
        )
    )
