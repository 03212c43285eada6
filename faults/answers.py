"""What an answer says about the data."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ("NO_ANSWER", "REFUSED", "Answer", "is_untrue")

_PROBLEM = "urn:holdfast:problem:"
# These say that something was, or may have been, changed.
_OPEN = {
    "commit-outcome-unknown",
    "partial-commit",
    "idempotency-answer-not-kept",
    "idempotency-key-in-progress",
}
_NOTHING_DONE = {503, 504}


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: Its status; None where none came.
        code: The problem's code, if it is a problem; why none came.
        replayed: Whether it is that of an earlier request with the same key.
    """

    status: int | None
    code: str = ""
    replayed: bool = False

    @classmethod
    def of(cls, status: int, problem: object, *, replayed: bool) -> "Answer":
        """Return what a response says.

        Args:
            status: Its status.
            problem: The `type` in its body, if there is one.
            replayed: Whether its headers say so.
        """
        code = problem.removeprefix(_PROBLEM) if isinstance(problem, str) else ""
        return cls(status, code, replayed)

    @property
    def acknowledges(self) -> bool:
        """Whether it says that the row was written."""
        return self.status is not None and self.status in range(200, 300)

    @property
    def denies(self) -> bool:
        """Whether it says that the row was not written; a bare 500 says nothing of the kind."""
        if self.status is None or self.acknowledges or self.code in _OPEN:
            return False
        return bool(self.code) or self.status in range(400, 500) or self.status in _NOTHING_DONE

    @property
    def is_final(self) -> bool:
        """Whether a client that wants to know has no reason to ask again."""
        if self.status is None or self.code in _OPEN:
            return False
        return self.acknowledges or self.status in range(400, 500)

    def __str__(self) -> str:
        """Return it as the table shows it."""
        if self.status is None:
            return self.code
        return " ".join(filter(None, (str(self.status), self.code, "replayed" * self.replayed)))


NO_ANSWER = Answer(None, "no answer")
REFUSED = Answer(None, "nobody there")


def is_untrue(answers: Sequence[Answer], *, present: bool) -> bool:
    """Whether a client was told that nothing was changed, although its row was written by then.

    Args:
        answers: All answers to one request and its repetitions, in order.
        present: Whether its row is there in the end.
    """
    *earlier, last = answers
    if last.denies:
        return present and all(answer.denies for answer in earlier)
    # What a repetition replays was done by a request before it, and all of them denied that.
    return last.replayed and bool(earlier) and all(answer.denies for answer in earlier)
