"""The answers that Holdfast's pieces may give, in the application's OpenAPI document."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute, Route

from holdfast.problems import MEDIA_TYPE, PROBLEM_SCHEMA

__all__ = (
    "DESCRIPTIONS",
    "MARK",
    "MERGE_PATCH",
    "amend_document",
    "contexts_of",
    "declare",
    "declare_problems",
    "mark",
    "operations",
    "routes_of",
)

MARK = "__holdfast__"

MERGE_PATCH = "application/merge-patch+json"
"""The media type of a JSON document that says what changes (RFC 7396)."""

_READ = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_WRITE = (*_READ, HTTPStatus.CONFLICT)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is no such record.",
    HTTPStatus.CONFLICT: "The change conflicts with the data as it is. Nothing was changed.",
    HTTPStatus.PRECONDITION_FAILED: "The row is not as the request requires. Nothing was changed.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A value is not acceptable. Nothing was changed.",
    HTTPStatus.PRECONDITION_REQUIRED: "The request has to say which version it is about.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not possible at the moment. Nothing was changed; repeat it.",
}
"""What an answer with each status means."""


Amendment = Callable[[dict[str, Any], FastAPI], None]


@dataclass(frozen=True)
class Mark:
    """What a dependency of Holdfast's says of its routes."""

    statuses: tuple[HTTPStatus, ...]
    required: str | None


def mark(dependency: Any, *statuses: HTTPStatus, required: str | None = None) -> None:
    """Mark a dependency as one of Holdfast's, so that routes that use it are known.

    Args:
        dependency: The dependency.
        *statuses: What its routes may answer with beside what all of Holdfast's may.
        required: A header that it requires although FastAPI does not, which would answer a 422.
    """
    setattr(dependency, MARK, Mark(statuses, required))


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
    """Declare the problems of every route that uses a session, a service or filters.

    Also what FastAPI has no words for: the headers that such a route requires, and that a merge
    patch has the schema of the JSON beside it, without defaults.
    """
    for operation, method, context in operations(document, app):
        marks = list(marks_of(context.dependant))
        if marks:
            own = [status for mark in marks for status in mark.statuses]
            common = _READ if method in _SAFE_METHODS else _WRITE
            declare(document, operation, tuple(dict.fromkeys((*own, *common))))
            _require_headers(operation, {mark.required for mark in marks})
            _complete_merge_patch(document, operation)


def _require_headers(operation: dict[str, Any], names: set[str | None]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header" and parameter["name"] in names:
            parameter["required"] = True


def _complete_merge_patch(document: dict[str, Any], operation: dict[str, Any]) -> None:
    content = operation.get("requestBody", {}).get("content", {})
    if MERGE_PATCH not in content or "application/json" not in content:
        return
    content[MERGE_PATCH] = {**content["application/json"], **content[MERGE_PATCH]}
    name = content[MERGE_PATCH].get("schema", {}).get("$ref", "").rpartition("/")[2]
    members = document["components"]["schemas"].get(name, {}).get("properties", {})
    for member in members.values():
        # What is left out stays as it is, whatever default its class needs to be made without it.
        member.pop("default", None)


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
            str(status.value), {"description": DESCRIPTIONS[status]}
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
    return contexts_of(app.routes)


def contexts_of(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """Return routes, those of included routers among them, as they are reached."""
    if hasattr(routing, "iter_route_contexts"):
        yield from routing.iter_route_contexts(routes)
    else:
        # Before FastAPI 0.137.2 a router keeps the routes of others as its own.
        yield from (route for route in routes if isinstance(route, Route))


def marks_of(dependant: Dependant) -> Iterator[Mark]:
    """Return the marks of the dependencies of Holdfast among a route's, at any depth."""
    own: Mark | None = getattr(dependant.call, MARK, None)
    if own is not None:
        yield own
    for dependency in dependant.dependencies:
        yield from marks_of(dependency)
