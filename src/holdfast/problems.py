"""Problem details: error answers that a client can act on (RFC 9457)."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from typing_extensions import override

__all__ = ("MEDIA_TYPE", "PROBLEM_SCHEMA", "Problem", "ProblemError", "ProblemResponse", "install")

MEDIA_TYPE = "application/problem+json"

_TYPE_PREFIX = "urn:holdfast:problem:"

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "The kind of problem.",
            "examples": [f"{_TYPE_PREFIX}unique-violation"],
        },
        "title": {"type": "string", "description": "The kind of problem, for people."},
        "status": {"type": "integer", "description": "The HTTP status code."},
        "detail": {"type": "string", "description": "This occurrence, for people."},
        "fields": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The fields it is about, where they are known.",
        },
        "candidates": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}},
            "description": "The fields it may be about, where the database does not say which.",
        },
    },
}
"""JSON Schema of a problem object, as OpenAPI documents show it."""


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


class ProblemError(Exception):
    """Raised to answer a request with a problem; what the request has changed is rolled back.

    It is an answer, and so no ``HoldfastError``: nobody has made a mistake but the client.

    Args:
        problem: What to tell the client.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


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

    @override
    def render(self, content: Any) -> bytes:
        # ASCII, because a lone surrogate that a client sent cannot be encoded as anything else.
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def install(app: Starlette) -> None:
    """Answer validation errors and HTTP exceptions as problems as well.

    Without it they keep FastAPI's shape. Also completes the ``Allow`` header of a 405, and declares
    400 and 413 in the OpenAPI document where a request has a body.

    Args:
        app: A FastAPI application that has not started.

    Raises:
        ConfigurationError: The application has started, or is not FastAPI's.
    """
    # By name: what is installed needs FastAPI, which this module does without.
    import_module("holdfast.wiring.problem_details").install_problems(app)
