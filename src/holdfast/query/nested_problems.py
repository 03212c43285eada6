"""What a client is told about nested records."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from holdfast.problems import Problem, ProblemError

__all__ = ("located", "unknown_child")


def unknown_child(place: Sequence[str | int]) -> ProblemError:
    """Return the answer for a nested record whose key is that of no record of this one.

    Args:
        place: Where the key is in the body.
    """
    error = {
        "loc": ["body", *place],
        "msg": "No such record belongs to this one. Leave the key out to create one.",
        "type": "unknown_child",
    }
    return ProblemError(
        Problem(
            "unknown-child",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            "A nested record does not belong to this one; see `errors`. Nothing was changed.",
            extensions={"errors": [error]},
        )
    )


def located(error: ProblemError, place: Sequence[str | int]) -> ProblemError:
    """Return a problem of a nested record with its fields named from the top of the body.

    Args:
        error: The problem, whose ``fields`` are those of the nested record.
        place: Where the nested record is in the body.
    """
    problem = error.problem
    fields = problem.extensions.get("fields")
    if not fields:
        return error
    named = [".".join(map(str, (*place, field))) for field in fields]
    return ProblemError(replace(problem, extensions={**problem.extensions, "fields": named}))
