"""Dependencies that read what a client asks for, or sends, as classes known at run time say."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Body, Query

from holdfast.query.parameters import ListParameters
from holdfast.query.values import annotated, several

__all__ = ("provide_items", "provide_parameters")


def provide_parameters(
    model: type[ListParameters] | None,
) -> Callable[..., Coroutine[Any, Any, ListParameters | None]]:
    """Return the dependency that reads query parameters.

    Args:
        model: Their model; None where there are none.
    """

    async def read_nothing() -> None:
        return None

    async def read_parameters(query: Any) -> ListParameters:
        parameters: ListParameters = query
        return parameters

    if model is None:
        return read_nothing
    read_parameters.__annotations__["query"] = annotated(model, Query())
    return read_parameters


def provide_items(schema: Any, most: int) -> Callable[..., Coroutine[Any, Any, list[Any]]]:
    """Return the dependency that reads a list from the body.

    Args:
        schema: The type of each item.
        most: How many there may be.
    """

    async def read_items(data: Any) -> list[Any]:
        items: list[Any] = data
        return items

    read_items.__annotations__["data"] = annotated(several(schema, 1, most), Body())
    return read_items
