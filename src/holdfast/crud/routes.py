"""The generated routes of a resource: path, function and document of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any

from fastapi import Body, Depends

from holdfast.crud import endpoints
from holdfast.crud.answers import Answers, provide_answers
from holdfast.crud.documents import MERGE_PATCH_BODY, STATUS
from holdfast.crud.keys import Key
from holdfast.crud.operation import Operation, OperationName
from holdfast.crud.parameters import provide_parameters
from holdfast.crud.resource import Resource
from holdfast.crud.rows import Rows
from holdfast.query.preconditions import Precondition
from holdfast.query.values import annotated

__all__ = ("GeneratedRoute", "generated_routes")

AnyResource = Resource[Any, Any, Any, Any, Any]


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
        openapi_extra: What else the document has to say.
    """

    operation: OperationName
    method: str
    path: str
    endpoint: endpoints.Endpoint
    status: int
    shown: Any = None
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
            "rows": Annotated[Rows[Any], Depends(resource.rows)],
            "key": Annotated[Key, Depends(resource.path_key)],
        }

    def list(self) -> GeneratedRoute:
        model = self._resource.reads.listing(self._read("list")).query
        query = Annotated[Any, Depends(provide_parameters(model))]
        return self._made("list", "GET", "", endpoints.list_rows, query=query)

    def get(self) -> GeneratedRoute:
        resource = self._resource
        own: dict[str, Any] = {}
        selection = resource.reads.selection(self._read("get"))
        if selection is not None:
            own["selection"] = Annotated[Any, Depends(provide_parameters(selection))]
        if resource.has_version and resource.reading(self._read("get")).reads_one_row:
            own["condition"] = Annotated[Precondition, Depends(resource.condition)]
        return self._made("get", "GET", resource.path, endpoints.get_row, **own)

    def create(self) -> GeneratedRoute:
        body = annotated(self._resource.create, Body())
        return self._made("create", "POST", "", endpoints.create_row, data=body)

    def update(self) -> GeneratedRoute:
        body = annotated(self._resource.update, Body())
        own = self._precondition(self._resource.precondition)
        path = self._resource.path
        return self._made("update", "PATCH", path, endpoints.update_row, data=body, **own)

    def put(self) -> GeneratedRoute:
        body = annotated(self._resource.put, Body())
        own = self._precondition(self._resource.put_precondition)
        return self._made("put", "PUT", self._resource.path, endpoints.put_row, data=body, **own)

    def delete(self) -> GeneratedRoute:
        own = self._precondition(self._resource.precondition)
        return self._made("delete", "DELETE", self._resource.path, endpoints.delete_row, **own)

    def restore(self) -> GeneratedRoute:
        path = f"{self._resource.path}/restore"
        return self._made("restore", "POST", path, endpoints.restore_row)

    def bulk_create(self) -> GeneratedRoute:
        items = Annotated[Any, Depends(self._resource.items)]
        return self._made("bulk_create", "POST", "/bulk", endpoints.create_many, data=items)

    def bulk_update(self) -> GeneratedRoute:
        changes = Annotated[Any, Depends(self._resource.changes)]
        return self._made("bulk_update", "PATCH", "", endpoints.update_many, data=changes)

    def bulk_delete(self) -> GeneratedRoute:
        keys = Annotated[Any, Depends(self._resource.keys)]
        return self._made("bulk_delete", "DELETE", "", endpoints.delete_many, keys=keys)

    def _read(self, operation: OperationName) -> Any:
        own = self._own.get(operation)
        return None if own is None else own.read

    def _precondition(self, dependency: Any) -> dict[str, Any]:
        # Without a version too: no row has the entity tag that a client then names.
        return {"precondition": Annotated[Precondition, Depends(dependency)]}

    def _made(
        self,
        operation: OperationName,
        method: str,
        path: str,
        function: endpoints.Endpoint,
        **annotations: Any,
    ) -> GeneratedRoute:
        read = self._read(operation)
        answers = self._resource.answers if read is None else provide_answers(self._resource, read)
        annotations["answers"] = Annotated[Answers[Any], Depends(answers)]
        special = self._own.get(operation, Operation())
        return GeneratedRoute(
            operation=operation,
            method=method,
            path=path,
            endpoint=endpoints.endpoint(function, {**self._annotations, **annotations}),
            status=special.status_code or STATUS.get(operation, 200),
            shown=self._shown(operation),
            openapi_extra=MERGE_PATCH_BODY if operation == "update" else None,
        )

    def _shown(self, operation: OperationName) -> Any:
        shape = self._resource.reading(self._read(operation)).shape
        if operation in {"delete", "bulk_delete"}:
            return None
        if operation == "list":
            return shape.page
        several = operation in {"bulk_create", "bulk_update"}
        return GenericAlias(list, (shape.schema,)) if several else shape.schema
