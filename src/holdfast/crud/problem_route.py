"""Routes whose every error answer is a problem (RFC 9457), whatever the application installs."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from holdfast.problems import MEDIA_TYPE, ProblemError, ProblemResponse
from holdfast.wiring.openapi import DESCRIPTIONS
from holdfast.wiring.problem_details import ERROR_STATUSES, http_problem, validation_problem

__all__ = ("ProblemRoute", "problem_responses")


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what the document of a route says of problems, for ``responses=``.

    Args:
        *statuses: Those with which the route may answer.
    """
    reference = {"$ref": "#/components/schemas/Problem"}
    return {
        status.value: {
            "description": DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": reference}},
        }
        for status in statuses
    }


class ProblemRoute(APIRoute):
    """A route that answers validation errors, HTTP exceptions and ``ProblemError`` as problems.

    Its document says so.

    Use it on a router of your own: ``APIRouter(route_class=ProblemRoute)``.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        # In place of FastAPI's own form of a 422.
        problems = [HTTPStatus.UNPROCESSABLE_ENTITY]
        if self.body_field is not None:
            problems.append(HTTPStatus.BAD_REQUEST)
        self.responses = {**problem_responses(*problems), **self.responses}

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return validation_problem(error)
            except ProblemError as error:
                return ProblemResponse(error.problem)
            except HTTPException as error:
                if error.status_code not in ERROR_STATUSES:
                    raise
                return http_problem(error)

        return answer
