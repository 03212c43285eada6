"""The functions behind generated routes: each is what one would write by hand.

They take what FastAPI solves for them: the rows, the query, the key, the body, the precondition.
`endpoint()` gives a copy of one the annotations of a resource.
"""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from inspect import Parameter, Signature, signature
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdfast.crud.answers import answer_page, answer_row, answer_rows, answered
from holdfast.crud.keys import Key, path_of, path_to
from holdfast.crud.rows import Rows
from holdfast.query.preconditions import UNCONDITIONAL, Precondition

__all__ = (
    "create_many",
    "create_row",
    "delete_many",
    "delete_row",
    "endpoint",
    "get_row",
    "list_rows",
    "put_row",
    "restore_row",
    "update_many",
    "update_row",
)

Endpoint = Callable[..., Coroutine[Any, Any, Any]]


def endpoint(function: Endpoint, annotations: Mapping[str, Any], **bound: Any) -> Endpoint:
    """Return a copy of a function with other annotations, for FastAPI to read.

    Args:
        function: One of the functions of this module.
        annotations: The annotation of each parameter that FastAPI solves.
        **bound: The values of others.
    """
    kept = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotations[name])
        for name in signature(function).parameters
        if name in annotations
    ]

    async def made(**values: Any) -> Any:
        return await function(**values, **bound)

    made.__name__ = function.__name__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    made.__dict__["__signature__"] = Signature(kept)
    made.__annotations__ = {parameter.name: parameter.annotation for parameter in kept}
    return made


async def list_rows(  # noqa: PLR0913, PLR0917 - what FastAPI solves, by name
    request: Request,
    response: Response,
    rows: Rows[Any],
    query: Any,
    read: Any = None,
    status: int = 200,
) -> Response:
    """List rows, page by page."""
    page = await rows.page(query, read=read)
    return answer_page(request, response, rows.resource.reading(read), page, query, status)


async def get_row(  # noqa: PLR0913, PLR0917 - what FastAPI solves, by name
    response: Response,
    rows: Rows[Any],
    key: Key,
    query: Any = None,
    condition: Precondition = UNCONDITIONAL,
    read: Any = None,
    status: int = 200,
) -> Response:
    """Return one row."""
    row = await rows.get(key, query, read=read)
    reading = rows.resource.reading(read)
    _tag(response, rows, row)
    if reading.reads_one_row and condition.is_not_modified(rows.etag(row)):
        return answered(response, None, HTTPStatus.NOT_MODIFIED)
    return answer_row(response, reading, row, status, query)


async def create_row(  # noqa: PLR0913, PLR0917 - what FastAPI solves, by name
    request: Request,
    response: Response,
    rows: Rows[Any],
    data: Any,
    read: Any = None,
    status: int = 201,
) -> Response:
    """Create a row; `Location` tells where it is."""
    row = await rows.create(data, read=read)
    response.headers["location"] = path_to(path_of(request), rows.key_of(row))
    _tag(response, rows, row)
    return answer_row(response, rows.resource.reading(read), row, status)


async def update_row(  # noqa: PLR0913, PLR0917 - what FastAPI solves, by name
    response: Response,
    rows: Rows[Any],
    key: Key,
    data: Any,
    precondition: Precondition = UNCONDITIONAL,
    read: Any = None,
    status: int = 200,
) -> Response:
    """Change the fields that are sent, and no others."""
    row = await rows.update(key, data, precondition, read=read)
    _tag(response, rows, row)
    return answer_row(response, rows.resource.reading(read), row, status)


async def put_row(  # noqa: PLR0913, PLR0917 - what FastAPI solves, by name
    request: Request,
    response: Response,
    rows: Rows[Any],
    key: Key,
    data: Any,
    precondition: Precondition = UNCONDITIONAL,
    read: Any = None,
    status: int = 200,
) -> Response:
    """Replace the row with this key, or create it."""
    row, created = await rows.put(key, data, precondition, read=read)
    if created:
        response.headers["location"] = path_of(request)
    _tag(response, rows, row)
    reading = rows.resource.reading(read)
    return answer_row(response, reading, row, HTTPStatus.CREATED if created else status)


async def delete_row(
    response: Response,
    rows: Rows[Any],
    key: Key,
    precondition: Precondition = UNCONDITIONAL,
    status: int = 204,
) -> Response:
    """Delete one row."""
    await rows.delete(key, precondition)
    return answered(response, None, status)


async def restore_row(
    response: Response, rows: Rows[Any], key: Key, read: Any = None, status: int = 200
) -> Response:
    """Bring a deleted row back."""
    row = await rows.restore(key, read=read)
    _tag(response, rows, row)
    return answer_row(response, rows.resource.reading(read), row, status)


async def create_many(
    response: Response, rows: Rows[Any], data: Any, read: Any = None, status: int = 201
) -> Response:
    """Create rows: all of them, or none."""
    made = await rows.create_many(data, read=read)
    return answer_rows(response, rows.resource.reading(read), made, status)


async def update_many(
    response: Response, rows: Rows[Any], data: Any, read: Any = None, status: int = 200
) -> Response:
    """Change rows: all of them, or none."""
    made = await rows.update_many(data, read=read)
    return answer_rows(response, rows.resource.reading(read), made, status)


async def delete_many(
    response: Response, rows: Rows[Any], keys: Any, status: int = 204
) -> Response:
    """Delete rows: all of them, or none."""
    await rows.delete_many(keys)
    return answered(response, None, status)


def _tag(response: Response, rows: Rows[Any], row: Any) -> None:
    etag = rows.etag(row)
    if etag is not None:
        response.headers["etag"] = etag
