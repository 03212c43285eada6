"""Problem details as RFC 9457 has them, and their documentation."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from holdfast.problems import MEDIA_TYPE, Problem, ProblemResponse
from holdfast.transaction import failure

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

PROBLEMS = [value for value in vars(failure).values() if isinstance(value, Problem)]


def test_a_problem_is_answered_as_a_problem() -> None:
    """The answer has the media type, the five members and the extensions of its problem."""
    problem = Problem("odd", HTTPStatus.CONFLICT, "Odd", "It is odd.", 3, {"field": "name"})
    response = ProblemResponse(problem)
    assert response.status_code == 409
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["retry-after"] == "3"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:holdfast:problem:odd",
        "title": "Odd",
        "status": 409,
        "detail": "It is odd.",
        "field": "name",
    }


def test_a_problem_is_not_cached() -> None:
    """A problem describes one moment: no cache may keep it."""
    response = ProblemResponse(Problem("odd", HTTPStatus.CONFLICT, "Odd", "It is odd."))
    assert response.headers["cache-control"] == "no-store"
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_each_problem_is_documented(problem: Problem) -> None:
    """The page on errors has a row with the code and the status of every problem."""
    rows = [
        line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{problem.code}`")
    ]
    assert any(f" {problem.status.value}" in row for row in rows)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_only_a_definite_failure_may_be_repeated(problem: Problem) -> None:
    """Retry-After goes with 503 alone, never with an outcome that is unknown or partial."""
    assert (problem.retry_after is not None) == (problem.status is HTTPStatus.SERVICE_UNAVAILABLE)
