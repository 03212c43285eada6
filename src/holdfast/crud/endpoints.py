"""The functions behind generated routes: each is what one would write by hand.

They take what FastAPI solves for them: the rows, the key, the query, the body, the precondition.
`endpoint()` gives a copy of one the annotations of a resource.
"""

from collections.abc import Callable, Coroutine, Mapping
from inspect import Parameter, Signature, signature
from typing import Any

from starlette.responses import Response

from holdfast.crud.answers import Answers
from holdfast.crud.keys import Key
from holdfast.crud.rows import Rows
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.wiring.encoded import Encoded

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


def endpoint(function: Endpoint, annotations: Mapping[str, Any]) -> Endpoint:
    """Return a copy of a function with other annotations, for FastAPI to read.

    Args:
        function: One of the functions of this module.
        annotations: The annotation of each parameter that FastAPI solves.
    """
    kept = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotations[name])
        for name in signature(function).parameters
        if name in annotations
    ]

    async def made(**values: Any) -> Any:
        return await function(**values)

    made.__name__ = function.__name__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    made.__dict__["__signature__"] = Signature(kept)
    made.__annotations__ = {parameter.name: parameter.annotation for parameter in kept}
    return made


async def list_rows(rows: Rows[Any], answers: Answers[Any], query: Any) -> Encoded[Any]:
    """List rows, page by page."""
    return answers.page(await rows.page(query, read=answers.read), query)


async def get_row(
    rows: Rows[Any],
    answers: Answers[Any],
    key: Key,
    selection: Any = None,
    condition: Precondition = UNCONDITIONAL,
) -> Encoded[Any]:
    """Return one row."""
    return answers.row(await rows.get(key, selection, read=answers.read), selection, condition)


async def create_row(rows: Rows[Any], answers: Answers[Any], data: Any) -> Encoded[Any]:
    """Create a row; `Location` tells where it is."""
    return answers.created(await rows.create(data, read=answers.read))


async def update_row(
    rows: Rows[Any],
    answers: Answers[Any],
    key: Key,
    data: Any,
    precondition: Precondition = UNCONDITIONAL,
) -> Encoded[Any]:
    """Change the fields that are sent, and no others."""
    return answers.row(await rows.update(key, data, precondition, read=answers.read))


async def put_row(
    rows: Rows[Any],
    answers: Answers[Any],
    key: Key,
    data: Any,
    precondition: Precondition = UNCONDITIONAL,
) -> Encoded[Any]:
    """Replace the row with this key, or create it."""
    return answers.put(*await rows.put(key, data, precondition, read=answers.read))


async def delete_row(
    rows: Rows[Any],
    answers: Answers[Any],
    key: Key,
    precondition: Precondition = UNCONDITIONAL,
) -> Response:
    """Delete one row."""
    await rows.delete(key, precondition)
    return answers.nothing()


async def restore_row(rows: Rows[Any], answers: Answers[Any], key: Key) -> Encoded[Any]:
    """Bring a deleted row back."""
    return answers.row(await rows.restore(key, read=answers.read))


async def create_many(rows: Rows[Any], answers: Answers[Any], data: Any) -> Encoded[list[Any]]:
    """Create rows: all of them, or none."""
    return answers.rows(await rows.create_many(data, read=answers.read))


async def update_many(rows: Rows[Any], answers: Answers[Any], data: Any) -> Encoded[list[Any]]:
    """Change rows: all of them, or none."""
    return answers.rows(await rows.update_many(data, read=answers.read))


async def delete_many(rows: Rows[Any], answers: Answers[Any], keys: Any) -> Response:
    """Delete rows: all of them, or none."""
    await rows.delete_many(keys)
    return answers.nothing()
