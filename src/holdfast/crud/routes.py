"""The generated routes of a resource: path, function and document of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import GenericAlias
from typing import Annotated, Any

from fastapi import Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.crud import endpoints
from holdfast.crud.keys import Key, provide_keys
from holdfast.crud.operation import Operation, OperationName
from holdfast.crud.resource import Resource
from holdfast.crud.rows import Rows
from holdfast.query.preconditions import Precondition
from holdfast.query.values import annotated
from holdfast.wiring.openapi import MERGE_PATCH

__all__ = ("GeneratedRoute", "generated_routes")

AnyResource = Resource[Any, Any, Any, Any, Any]

_ETAG: dict[str, Any] = {
    "ETag": {"description": "The version of the row.", "schema": {"type": "string"}}
}
_LOCATION: dict[str, Any] = {
    "Location": {"description": "Where the row is.", "schema": {"type": "string"}}
}
_LINK: dict[str, Any] = {
    "Link": {"description": "The pages around (RFC 8288).", "schema": {"type": "string"}}
}


@dataclass(frozen=True, kw_only=True)
class GeneratedRoute:
    """One route, before it is put on a router.

    Attributes:
        operation: What it does.
        method: The HTTP method.
        path: The path below the router's prefix.
        endpoint: The function.
        status: The status where it succeeds.
        shown: What its body is documented as; None where it has none.
        responses: What the document has to say of its answers.
        problems: What may go wrong with it beside what may with all.
        openapi_extra: What else the document has to say.
    """

    operation: OperationName
    method: str
    path: str
    endpoint: endpoints.Endpoint
    status: int
    shown: Any = None
    responses: dict[int | str, dict[str, Any]] = field(default_factory=dict[int | str, Any])
    problems: tuple[HTTPStatus, ...] = ()
    openapi_extra: dict[str, Any] | None = None


def generated_routes(
    resource: AnyResource, own: Mapping[OperationName, Operation]
) -> Iterator[GeneratedRoute]:
    """Return the routes of a resource, those of all rows first.

    Args:
        resource: What is declared: an operation that needs what is not declared has no route.
        own: What operations have of their own.
    """
    assembly = _Assembly(resource, own)
    declaration = resource.declaration
    writes = {resource.create, resource.update, resource.put} != {None}
    yield assembly.list()
    if resource.create is not None:
        yield assembly.create()
    if declaration.bulk is not None:
        if resource.create is not None:
            yield assembly.bulk_create()
        if resource.update is not None:
            yield assembly.bulk_update()
        # A list of keys alone has no room for ETags.
        if len(resource.key) == 1 and not declaration.require_if_match:
            yield assembly.bulk_delete()
    yield assembly.get()
    if resource.update is not None:
        yield assembly.update()
    if resource.put is not None:
        yield assembly.put()
    if writes:
        yield assembly.delete()
    if declaration.soft_delete is not None:
        yield assembly.restore()


class _Assembly:
    """Makes the routes of one resource."""

    def __init__(self, resource: AnyResource, own: Mapping[OperationName, Operation]) -> None:
        self._resource = resource
        self._own = own
        self._annotations: dict[str, Any] = {
            "request": Request,
            "response": Response,
            "rows": Annotated[Rows[Any], Depends(resource.rows)],
            "key": Annotated[Key, Depends(resource.path_key)],
        }

    def list(self) -> GeneratedRoute:
        read = self._read("list")
        page = self._resource.reading(read).shape.page
        query = annotated(self._resource.reads.listing(read).query, Query())
        return self._made(
            "list", "GET", "", endpoints.list_rows, {"query": query}, shown=page, headers=_LINK
        )

    def get(self) -> GeneratedRoute:
        resource = self._resource
        own: dict[str, Any] = {}
        selection = resource.reads.selection(self._read("get"))
        if selection is not None:
            own["query"] = annotated(selection, Query())
        responses: dict[int | str, dict[str, Any]] = {}
        if resource.has_version and resource.reading(self._read("get")).reads_one_row:
            own["condition"] = Annotated[Precondition, Depends(resource.condition)]
            responses[304] = {"description": "The client has the row already.", "headers": _ETAG}
        return self._made("get", "GET", resource.path, endpoints.get_row, own, responses=responses)

    def create(self) -> GeneratedRoute:
        body = annotated(self._resource.create, Body())
        return self._made(
            "create", "POST", "", endpoints.create_row, {"data": body}, headers=_LOCATION
        )

    def update(self) -> GeneratedRoute:
        body = annotated(self._resource.update, Body())
        own = {"data": body, **self._precondition(self._resource.precondition)}
        return self._made("update", "PATCH", self._resource.path, endpoints.update_row, own)

    def put(self) -> GeneratedRoute:
        body = annotated(self._resource.put, Body())
        own = {"data": body, **self._precondition(self._resource.put_precondition)}
        shown = self._resource.reading(self._read("put")).shape.schema
        created = {
            "description": "The row is new.",
            "model": shown,
            "headers": {**_LOCATION, **self._etag},
        }
        return self._made(
            "put", "PUT", self._resource.path, endpoints.put_row, own, responses={201: created}
        )

    def delete(self) -> GeneratedRoute:
        own = self._precondition(self._resource.precondition)
        return self._made("delete", "DELETE", self._resource.path, endpoints.delete_row, own)

    def restore(self) -> GeneratedRoute:
        path = f"{self._resource.path}/restore"
        return self._made("restore", "POST", path, endpoints.restore_row, {})

    def bulk_create(self) -> GeneratedRoute:
        body = annotated(self._resource.many(self._resource.create), Body())
        return self._made("bulk_create", "POST", "/bulk", endpoints.create_many, {"data": body})

    def bulk_update(self) -> GeneratedRoute:
        body = annotated(self._resource.many(self._resource.changed), Body())
        problems: list[HTTPStatus] = []
        if self._resource.has_version:
            problems.append(HTTPStatus.PRECONDITION_FAILED)
        if self._resource.declaration.require_if_match:
            problems.append(HTTPStatus.PRECONDITION_REQUIRED)
        made = self._made("bulk_update", "PATCH", "", endpoints.update_many, {"data": body})
        return replace(made, problems=tuple(problems))

    def bulk_delete(self) -> GeneratedRoute:
        keys = provide_keys(self._resource.key[0], self._resource.declaration.bulk or 1)
        own = {"keys": Annotated[Any, Depends(keys)]}
        return self._made("bulk_delete", "DELETE", "", endpoints.delete_many, own)

    def _read(self, operation: OperationName) -> Any:
        own = self._own.get(operation)
        return None if own is None else own.read

    @property
    def _etag(self) -> dict[str, Any]:
        return _ETAG if self._resource.has_version else {}

    def _precondition(self, dependency: Any) -> dict[str, Any]:
        if not self._resource.has_version and dependency is not self._resource.put_precondition:
            return {}
        return {"precondition": Annotated[Precondition, Depends(dependency)]}

    def _made(  # noqa: PLR0913 - what a route is
        self,
        operation: OperationName,
        method: str,
        path: str,
        function: endpoints.Endpoint,
        own: dict[str, Any],
        *,
        shown: Any = None,
        headers: dict[str, Any] | None = None,
        responses: dict[int | str, dict[str, Any]] | None = None,
    ) -> GeneratedRoute:
        special = self._own.get(operation, Operation())
        status = special.status_code or _STATUS.get(operation, 200)
        bound: dict[str, Any] = {"status": status}
        if operation not in _WITHOUT_BODY:
            bound["read"] = special.read
            reading = self._resource.reading(special.read)
            one = operation in _OF_ONE_ROW
            shown = shown or (reading.shape.schema if one else _list_of(reading.shape.schema))
            headers = {**(headers or {}), **(self._etag if one else {})}
        answers = dict(responses or {})
        if headers:
            answers[status] = {"headers": headers}
        return GeneratedRoute(
            operation=operation,
            method=method,
            path=path,
            endpoint=endpoints.endpoint(function, {**self._annotations, **own}, **bound),
            status=status,
            shown=shown,
            responses=answers,
            openapi_extra=_merge_patch() if operation == "update" else None,
        )


_STATUS = {"create": 201, "bulk_create": 201, "delete": 204, "bulk_delete": 204}
_WITHOUT_BODY = frozenset({"delete", "bulk_delete"})
_OF_ONE_ROW = frozenset({"get", "create", "update", "put", "restore"})


def _merge_patch() -> dict[str, Any]:
    # Its schema is that of the application/json beside it, which is added to the document later.
    return {"requestBody": {"content": {MERGE_PATCH: {}}}}


def _list_of(schema: Any) -> Any:
    return GenericAlias(list, (schema,))
