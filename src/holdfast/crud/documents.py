"""What an OpenAPI document says of the answers of a resource's operations."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from holdfast.crud.links import operation_links
from holdfast.crud.operation import OperationName
from holdfast.crud.problem_route import problem_responses
from holdfast.wiring.openapi import MERGE_PATCH

if TYPE_CHECKING:
    from holdfast.crud.resource import Resource

__all__ = ("MERGE_PATCH_BODY", "STATUS", "documented_responses")

MERGE_PATCH_BODY: dict[str, Any] = {"requestBody": {"content": {MERGE_PATCH: {}}}}
"""For ``openapi_extra=`` of a PATCH: its JSON is a merge patch.

Its schema is that of the `application/json` beside it, which is added to the document later.
"""

STATUS: Mapping[OperationName, int] = {
    "create": 201,
    "bulk_create": 201,
    "delete": 204,
    "bulk_delete": 204,
}
"""The status of operations that succeed, where it is not 200."""

Responses = dict[int | str, dict[str, Any]]

_LOCATION = {"Location": {"description": "Where the row is.", "schema": {"type": "string"}}}
_ETAG = {"ETag": {"description": "The version of the row.", "schema": {"type": "string"}}}
_LINK = {"Link": {"description": "The pages around (RFC 8288).", "schema": {"type": "string"}}}
_TAGGED = frozenset({"get", "create", "update", "put", "restore"})


def documented_responses(
    resource: "Resource[Any, Any, Any, Any, Any]",
    operation: OperationName,
    targets: Iterable[tuple[OperationName, str]] = (),
    *,
    read: Any = None,
    status_code: int | None = None,
) -> Responses:
    """Return what a document says of an operation's answers, for ``responses=``.

    Args:
        resource: What is declared of the rows.
        operation: The operation.
        targets: The operations that answers lead on to, each with its id.
        read: Another read schema than the resource's.
        status_code: Another status than the usual one.
    """
    reading = resource.reading(read)
    tag = _ETAG if resource.has_version and operation in _TAGGED else {}
    headers: dict[str, Any] = {
        **({"list": _LINK, "create": _LOCATION}.get(operation, {})),
        **tag,
    }
    links = operation_links(operation, reading.node, resource.key, targets, tagged=bool(tag))
    told = {"headers": headers} if headers else {}
    led = {"links": links} if links else {}
    responses: Responses = {}
    if told or led:
        responses[status_code or STATUS.get(operation, HTTPStatus.OK)] = {**told, **led}
    if operation == "put":
        made = {"description": "The row is new.", "model": reading.shape.schema, **led}
        responses[HTTPStatus.CREATED] = {**made, "headers": {**_LOCATION, **tag}}
    if operation == "get" and tag and reading.reads_one_row:
        has = {"description": "The client has the row already.", "headers": tag}
        responses[HTTPStatus.NOT_MODIFIED] = has
    if operation == "bulk_update":
        responses |= problem_responses(*_conditions(resource))
    return responses


def _conditions(resource: "Resource[Any, Any, Any, Any, Any]") -> Iterable[HTTPStatus]:
    if resource.has_version:
        yield HTTPStatus.PRECONDITION_FAILED
    if resource.declaration.require_if_match:
        yield HTTPStatus.PRECONDITION_REQUIRED
