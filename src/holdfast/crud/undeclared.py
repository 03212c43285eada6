"""Query parameters that a route does not declare: a misspelt filter would show everything."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.requests import Request

from holdfast.problems import Problem, ProblemError
from holdfast.wiring.openapi import mark, routes_of

__all__ = ("refuse_undeclared",)

_MOST_NAMES = 10

# By application and endpoint, because a router may be included twice, with other dependencies.
_declared: WeakKeyDictionary[FastAPI, dict[Any, frozenset[str]]] = WeakKeyDictionary()


async def refuse_undeclared(request: Request) -> None:
    """Refuse a request with query parameters that its route does not declare.

    A dependency. FastAPI itself ignores them.

    Raises:
        ProblemError: 422, naming the parameters.
    """
    if not request.query_params:
        return
    app, endpoint = request.app, request.scope["endpoint"]
    known = _declared.setdefault(app, {})
    if endpoint not in known:
        known[endpoint] = frozenset(_names(app, endpoint))
    unknown = [name for name in request.query_params if name not in known[endpoint]]
    if unknown:
        raise ProblemError(_problem(list(dict.fromkeys(unknown))[:_MOST_NAMES]))


mark(refuse_undeclared, HTTPStatus.UNPROCESSABLE_ENTITY)


def _problem(names: list[str]) -> Problem:
    return Problem(
        "validation-error",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Not acceptable",
        "The request does not fit what is documented; see `errors`.",
        extensions={
            "errors": [
                {"loc": ["query", name], "msg": "There is no such parameter", "type": "unknown"}
                for name in names
            ]
        },
    )


def _names(app: FastAPI, endpoint: Any) -> Iterator[str]:
    for context in routes_of(app):
        if getattr(context, "endpoint", None) is endpoint:
            yield from _names_of(context.dependant)


def _names_of(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, field in annotation.model_fields.items():
                yield field.validation_alias if isinstance(field.validation_alias, str) else name
        else:
            yield parameter.alias
    for dependency in dependant.dependencies:
        yield from _names_of(dependency)
