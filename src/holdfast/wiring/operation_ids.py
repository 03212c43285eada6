"""Short ids of operations, each of which is in a document once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.utils import generate_unique_id

from holdfast.wiring.openapi import operations

__all__ = ("declare_operation_ids", "name_operation")

_NAME = "__holdfast_operation__"


def name_operation(endpoint: Any, name: str, path: str) -> None:
    """Say what the operation of an endpoint is called, wherever its router is included.

    The first that is called so has the name for its id. Others, of a router that is included twice
    or of a second one for the same rows, have the names of folders in their paths before it.

    Args:
        endpoint: The function of a route that says nothing of its id itself.
        name: What it is called.
        path: Its path, below what all routes of its router have in common.
    """
    setattr(endpoint, _NAME, (name, path))


@dataclass(frozen=True)
class _Operation:
    """A named operation in a document, below the path of all of its router."""

    members: dict[str, Any]
    name: str
    collection: str

    def ids(self) -> Iterator[str]:
        """Return possible ids, the shortest first."""
        yield self.name
        yield _joined(self.collection.rpartition("/")[0], self.name)
        longest = _joined(self.collection, self.name)
        yield longest
        number = 2
        while True:
            yield f"{longest}_{number}"
            number += 1


def declare_operation_ids(document: dict[str, Any], app: FastAPI) -> None:
    """Give the operations that were named short ids, and to the links to them as well."""
    named = {id(operation.members): operation for operation in _named(document, app)}
    ids: dict[tuple[str, str], str] = {}
    taken = {
        members["operationId"]
        for path in document.get("paths", {}).values()
        for members in path.values()
        if id(members) not in named and "operationId" in members
    }
    for operation in named.values():
        short = next(each for each in operation.ids() if each not in taken)
        taken.add(short)
        ids[operation.collection, operation.name] = short
        _rename(operation.members, short)
    for operation in named.values():
        for response in operation.members["responses"].values():
            if "links" in response:
                response["links"] = dict(_links(response["links"], operation.collection, ids))


def _named(document: dict[str, Any], app: FastAPI) -> Iterator[_Operation]:
    for members, _, context in operations(document, app):
        name, path = getattr(context.endpoint, _NAME, (None, ""))
        # Another id is of the application's own making.
        if name is not None and members["operationId"] == generate_unique_id(context):
            yield _Operation(members, name, context.path_format.removesuffix(path))


def _rename(members: dict[str, Any], name: str) -> None:
    """Change an id, and the titles that FastAPI makes of it."""
    before, after = (each.replace("_", " ").title() for each in (members["operationId"], name))
    members["operationId"] = name
    for response in members["responses"].values():
        for content in response.get("content", {}).values():
            schema = content.get("schema", {})
            if before in schema.get("title", ""):
                schema["title"] = schema["title"].replace(before, after)


def _links(
    links: dict[str, Any], collection: str, ids: dict[tuple[str, str], str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the links, those to named operations to the one of the same router if there is one."""
    names = {name for _, name in ids}
    for key, link in links.items():
        name = link.get("operationId")
        target = ids.get((collection, name))
        if target is not None:
            yield key, {**link, "operationId": target}
        elif name not in names:
            yield key, link


def _joined(path: str, name: str) -> str:
    folders = [re.sub(r"\W", "_", part) for part in path.split("/") if part and "{" not in part]
    return "_".join([*folders, name])
