"""Links in a document: how what one operation answers leads to others (OpenAPI's Link Object)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfast.crud.operation import OperationName
from holdfast.plan.nodes import ColumnField, Node
from holdfast.query.attributes import Attribute

__all__ = ("operation_links",)

# The operations that are about a row with a known key.
_TO_ONE_ROW: frozenset[OperationName] = frozenset({"get", "update", "put", "delete", "restore"})

_FROM: Mapping[OperationName, str] = {
    "list": "$response.body#/items/0/",
    "create": "$response.body#/",
    "put": "$response.body#/",
}
_CONDITIONAL = frozenset({"update", "put", "delete"})


def operation_links(
    operation: OperationName,
    node: Node,
    key: Sequence[Attribute],
    targets: Iterable[tuple[OperationName, str]],
    *,
    tagged: bool,
) -> dict[str, Any]:
    """Return the links from what an operation answers to what can be done with the row.

    Args:
        operation: The operation.
        node: What it answers for a row.
        key: The attributes that say in a URL which row is meant.
        targets: The operations that there are, with their ids.
        tagged: Whether the answer has an entity tag.
    """
    place = _FROM.get(operation)
    names = _shown(node)
    if place is None or any(attribute.key not in names for attribute in key):
        return {}
    path = {f"path.{each.key}": f"{place}{names[each.key]}" for each in key}
    tag = {"header.if-match": "$response.header.ETag"}
    return {
        name: {
            "operationId": name,
            "parameters": {**path, **(tag if tagged and target in _CONDITIONAL else {})},
        }
        for target, name in targets
        if target in _TO_ONE_ROW
    }


def _shown(node: Node) -> dict[str, str]:
    """Return what the columns are called in the answer, where it shows them as they are."""
    return {
        field.column: field.shown_as
        for field in node.fields
        if isinstance(field, ColumnField) and field.is_shown_as_is and field.shown_as
    }
