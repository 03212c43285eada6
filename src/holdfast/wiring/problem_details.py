"""Every error answer of an application as a problem (RFC 9457), where it asks for that."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemResponse
from holdfast.wiring.body_limit import answer_too_large_bodies
from holdfast.wiring.openapi import amend_document, declare, operations, routes_of

__all__ = ("ERROR_STATUSES", "http_problem", "install_problems", "validation_problem")

# A megabyte of unknown fields would be answered with ten.
_MOST_ERRORS = 100

ERROR_STATUSES = frozenset(
    status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST
)

# Those of RFC 9110, which Python has from 3.13 on.
_PHRASES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "URI Too Long",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def install_problems(app: Starlette) -> None:
    """Answer validation errors and HTTP exceptions as problems as well.

    Also completes the ``Allow`` header of a 405, which Starlette fills from the first route with
    the path, and declares 400 and 413 where a request has a body.

    Args:
        app: A FastAPI application that has not started.

    Raises:
        ConfigurationError: The application has started, or is not FastAPI's.
    """
    if not isinstance(app, FastAPI):
        raise ConfigurationError(
            f"problems.install takes a FastAPI application, not {type(app).__name__}. "
            "Call `problems.install(app)` with the application that has the routes."
        )
    if app.middleware_stack is not None:
        raise ConfigurationError(
            "The application has started, so its exception handlers can no longer change. "
            "Call `problems.install(app)` where the application is made."
        )
    app.exception_handlers[HTTPException] = _answer_http_exception
    app.exception_handlers[RequestValidationError] = _answer_validation_error
    answer_too_large_bodies(app)
    amend_document(app, _declare_everywhere)


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code not in ERROR_STATUSES:
        return await http_exception_handler(request, error)
    response = http_problem(error)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers.update(_allow(request))
    return response


async def _answer_validation_error(_: Request, error: RequestValidationError) -> Response:
    return validation_problem(error)


def http_problem(error: HTTPException) -> ProblemResponse:
    """Return the answer for an HTTP exception whose status is an error's.

    Args:
        error: The exception; a detail that is no text becomes the member ``errors``.
    """
    status = HTTPStatus(error.status_code)
    detail: Any = error.detail
    text = detail if isinstance(detail, str) else status.description or status.phrase
    extensions = {} if isinstance(detail, str) else {"errors": detail}
    phrase = _PHRASES.get(status, status.phrase)
    code = phrase.lower().replace(" ", "-")
    response = ProblemResponse(Problem(code, status, phrase, text, extensions=extensions))
    response.headers.update(dict(error.headers or {}))
    return response


def validation_problem(error: RequestValidationError) -> ProblemResponse:
    """Return the answer for a request that does not fit what is documented.

    Args:
        error: What FastAPI found, of which the first hundred are told.
    """
    # Without `input`: it repeats what was sent, passwords and all.
    errors = [
        {"loc": list(item.get("loc", ())), "msg": item.get("msg", ""), "type": item.get("type", "")}
        for item in error.errors()[:_MOST_ERRORS]
    ]
    return ProblemResponse(
        Problem(
            "validation-error",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            "The request does not fit what is documented; see `errors`.",
            extensions={"errors": errors},
        )
    )


def _allow(request: Request) -> dict[str, str]:
    methods: set[str] = set()
    for context in routes_of(request.app):
        match, _ = context.matches(request.scope)
        if match is not Match.NONE:
            methods |= context.methods or set()
    # None are known of a mounted application, which says for itself what it allows.
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


def _declare_everywhere(document: dict[str, Any], app: FastAPI) -> None:
    for operation, _, _ in operations(document, app):
        if "requestBody" in operation:
            declare(
                document, operation, (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            )
        if "422" in operation.get("responses", {}):
            operation["responses"]["422"].get("content", {}).pop("application/json", None)
            declare(document, operation, (HTTPStatus.UNPROCESSABLE_ENTITY,))
