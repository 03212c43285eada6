"""Problem details: the answers Holdfast gives in place of one it withheld (RFC 9457)."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

__all__ = ("MEDIA_TYPE", "Problem", "ProblemResponse")

MEDIA_TYPE = "application/problem+json"

_TYPE_PREFIX = "urn:holdfast:problem:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem, in terms a client can act on.

    Attributes:
        code: Stable name of the kind; ``type`` is a URN made of it.
        status: HTTP status code of the answer.
        title: Summary that is the same for every occurrence of the kind.
        detail: What a client should know of this occurrence: never SQL, a value or a class name.
        retry_after: Seconds for the ``Retry-After`` header, where repeating is safe.
        extensions: Further members of the problem object.
    """

    code: str
    status: HTTPStatus
    title: str
    detail: str
    retry_after: int | None = None
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])

    def members(self) -> dict[str, Any]:
        """Return the problem object, as it is serialised."""
        return {
            "type": f"{_TYPE_PREFIX}{self.code}",
            "title": self.title,
            "status": self.status.value,
            "detail": self.detail,
            **self.extensions,
        }


class ProblemResponse(JSONResponse):
    """Answers a request with a problem.

    Args:
        problem: What to tell the client.
    """

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem) -> None:
        headers = {"cache-control": "no-store"}
        if problem.retry_after is not None:
            headers["retry-after"] = str(problem.retry_after)
        super().__init__(problem.members(), status_code=problem.status.value, headers=headers)
