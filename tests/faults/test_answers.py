"""Which answers say that nothing was done, and when that is untrue."""

import pytest

from faults.answers import NO_ANSWER, Answer, is_untrue

DONE = Answer(201)
REPLAYED = Answer(201, replayed=True)
DENIED = Answer(503, "database-unavailable")
UNKNOWN = Answer(500, "commit-outcome-unknown")
BARE = Answer(500)


@pytest.mark.parametrize(
    ("answers", "present"),
    [
        ([DENIED], True),
        ([DENIED, DENIED], True),
        ([DENIED, REPLAYED], True),
        ([Answer(409, "unique-violation")], True),
        ([Answer(404)], True),
    ],
)
def test_a_denial_of_what_is_there_is_untrue(answers: list[Answer], present: bool) -> None:
    """A row that is there, or an answer that was kept, gives denials alone the lie."""
    assert is_untrue(answers, present=present)


@pytest.mark.parametrize(
    ("answers", "present"),
    [
        ([DENIED], False),
        ([DONE], True),
        ([DENIED, DONE], True),
        ([UNKNOWN], True),
        ([UNKNOWN, DENIED], True),
        ([NO_ANSWER, REPLAYED], True),
        ([UNKNOWN, DENIED, REPLAYED], True),
        ([BARE], True),
    ],
)
def test_what_leaves_it_open_is_not_untrue(answers: list[Answer], present: bool) -> None:
    """An answer that says nothing of the data, or none, cannot be wrong about it."""
    assert not is_untrue(answers, present=present)
