"""Putting what is known of a broken constraint into the words of a problem."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from holdfast.problems import Problem
from holdfast.transaction.violation import Violation

__all__ = ("describe",)

_WORDS = {
    "unique-violation": "The value of {} is already taken.",
    "foreign-key-violation": "What {} refers to does not exist.",
    "exclusion-violation": "The values of {} overlap those of another record.",
    "check-violation": "The value of {} breaks a rule of the data.",
    "not-null-violation": "{} is required.",
}
_REFERENCED = "Another record still refers to this one."
_CANDIDATES = "One of these does not refer to anything that exists: {}."
_ENDING = " Nothing was changed."


def describe(problem: Problem, violation: Violation) -> Problem:
    """Return a constraint's problem with the fields that it is about.

    Args:
        problem: One of the problems of a broken constraint.
        violation: What the database told. What it did not tell is not made up.
    """
    extensions: dict[str, Any] = {}
    if violation.referenced:
        detail = _REFERENCED + _ENDING
    elif violation.fields:
        detail = _WORDS[problem.code].format(_listed([violation.fields])) + _ENDING
        extensions["fields"] = list(violation.fields)
    elif violation.candidates:
        detail = _CANDIDATES.format(_listed(violation.candidates)) + _ENDING
        extensions["candidates"] = [list(fields) for fields in violation.candidates]
    else:
        return problem
    return replace(problem, detail=detail, extensions={**problem.extensions, **extensions})


def _listed(groups: Sequence[Sequence[str]]) -> str:
    return "; ".join(", ".join(f"`{field}`" for field in group) for group in groups)
