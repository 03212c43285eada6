"""The answers that Holdfast's pieces may give, in the application's OpenAPI document."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from starlette.routing import Route

from holdfast.problems import MEDIA_TYPE, PROBLEM_SCHEMA

__all__ = ("MARK", "amend_document", "declare_problems", "mark", "routes_of")

MARK = "__holdfast__"

_READ = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_WRITE = (*_READ, HTTPStatus.CONFLICT)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is no such record.",
    HTTPStatus.CONFLICT: "The change conflicts with the data as it is. Nothing was changed.",
    HTTPStatus.PRECONDITION_FAILED: "The row is not as the request requires. Nothing was changed.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A value is not acceptable. Nothing was changed.",
    HTTPStatus.PRECONDITION_REQUIRED: "The request has to say which version it is about.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not possible at the moment. Nothing was changed; repeat it.",
}

Amendment = Callable[[dict[str, Any], FastAPI], None]


def mark(dependency: Any, *statuses: HTTPStatus) -> None:
    """Mark a dependency as one of Holdfast's, so that routes that use it are known.

    Args:
        dependency: The dependency.
        *statuses: What its routes may answer with beside what all of Holdfast's may.
    """
    setattr(dependency, MARK, statuses)


def amend_document(app: FastAPI, amendment: Amendment) -> None:
    """Amend the OpenAPI document each time that FastAPI makes it anew.

    Args:
        app: The application, whose ``openapi`` method is wrapped as FastAPI's manual describes.
        amendment: What changes the document in place.
    """
    make = app.openapi
    amended: dict[str, Any] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal amended
        document = make()
        # FastAPI keeps the document and returns the same one until routes change.
        if document is not amended:
            amendment(document, app)
            amended = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def declare_problems(document: dict[str, Any], app: FastAPI) -> None:
    """Declare the problems of every route that uses a session, a service or filters."""
    for operation, method, context in operations(document, app):
        marks = list(marks_of(context.dependant))
        if marks:
            own = [status for statuses in marks for status in statuses]
            common = _READ if method in _SAFE_METHODS else _WRITE
            declare(document, operation, tuple(dict.fromkeys((*own, *common))))


def declare(
    document: dict[str, Any], operation: dict[str, Any], statuses: tuple[HTTPStatus, ...]
) -> None:
    """Declare that an operation may answer problems with some statuses.

    What the application itself declares for a status stays beside it.
    """
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", PROBLEM_SCHEMA)
    for status in statuses:
        response = operation.setdefault("responses", {}).setdefault(
            str(status.value), {"description": _DESCRIPTIONS[status]}
        )
        content = response.setdefault("content", {})
        content.setdefault(MEDIA_TYPE, {"schema": {"$ref": "#/components/schemas/Problem"}})


def operations(
    document: Mapping[str, Any], app: FastAPI
) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Return each documented operation with its method and its route."""
    for context in routes_of(app):
        path = document.get("paths", {}).get(context.path_format, {})
        for method in context.methods or ():
            operation = path.get(method.lower())
            if operation is not None and hasattr(context, "dependant"):
                yield operation, method, context


def routes_of(app: FastAPI) -> Iterator[Any]:
    """Return each route of an application, and of the routers it includes, as it is reached."""
    if hasattr(routing, "iter_route_contexts"):
        yield from routing.iter_route_contexts(app.routes)
    else:
        # Before FastAPI 0.137.2 an application keeps the routes of its routers as its own.
        yield from (route for route in app.routes if isinstance(route, Route))


def marks_of(dependant: Dependant) -> Iterator[tuple[HTTPStatus, ...]]:
    """Return the marks of the dependencies of Holdfast among a route's, at any depth."""
    statuses = getattr(dependant.call, MARK, None)
    if statuses is not None:
        yield statuses
    for dependency in dependant.dependencies:
        yield from marks_of(dependency)
