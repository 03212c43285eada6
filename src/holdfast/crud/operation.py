"""The operations of a router, and what one of them may have of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from fastapi.params import Depends

__all__ = ("Operation", "OperationName", "Operations")

OperationName = Literal[
    "list",
    "create",
    "bulk_create",
    "bulk_update",
    "bulk_delete",
    "get",
    "update",
    "put",
    "delete",
    "restore",
]
"""What a router can do, in the order of its routes."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one operation has of its own; None for what all routes have.

        operations={"list": Operation(read=AuthorSummary), "delete": None}

    Attributes:
        read: Its response schema, in place of the router's.
        status_code: Its status where it succeeds.
        dependencies: Further dependencies, such as who may do it.
        tags: Further tags.
        summary: Its title in the document.
        description: What it does.
        responses: Further answers for the document.
        operation_id: Its id in the document.
        deprecated: Whether it is on its way out.
        include_in_schema: Whether the document has it.
    """

    read: Any = None
    status_code: int | None = None
    dependencies: Sequence[Depends] = ()
    tags: Sequence[str | Enum] = ()
    summary: str | None = None
    description: str | None = None
    responses: Mapping[int | str, dict[str, Any]] | None = None
    operation_id: str | None = None
    deprecated: bool | None = None
    include_in_schema: bool = True


Operations = Mapping[OperationName, Operation | None]
"""By name: what an operation has of its own, or None to leave it out."""
