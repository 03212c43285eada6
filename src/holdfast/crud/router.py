"""``CRUDRouter``: a complete API for one model, in a few lines."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, Generic, cast, get_args

from fastapi import APIRouter, Depends, params
from typing_extensions import Unpack

from holdfast.crud.declaration import ResourceOptions
from holdfast.crud.documents import documented_responses
from holdfast.crud.names import names_of
from holdfast.crud.operation import Operation, OperationName, Operations
from holdfast.crud.own_first import OwnFirst
from holdfast.crud.problem_route import ProblemRoute
from holdfast.crud.resource import (
    CreateT,
    ModelT,
    PutT,
    ReadT,
    Resource,
    ResourceProvider,
    UpdateT,
)
from holdfast.crud.routes import GeneratedRoute, generated_routes
from holdfast.crud.undeclared import refuse_undeclared
from holdfast.errors import ConfigurationError
from holdfast.wiring.idempotency import PUBLIC, Principal
from holdfast.wiring.operation_ids import name_operation

__all__ = ("CRUDRouter",)

_SAFE = frozenset({"GET"})


class CRUDRouter(APIRouter, Generic[ModelT, ReadT, CreateT, UpdateT, PutT]):
    """A router with the routes of one resource: what is declared is offered, and nothing else.

        router = CRUDRouter(
            alchemy.provide_service(AuthorService),
            read=AuthorRead, create=AuthorCreate, update=AuthorUpdate, prefix="/authors",
            filters={Author.name: ["eq", "contains"]}, sort=[Author.name],
        )
        app.include_router(router)

    Reading is always there. ``create`` adds POST, ``update`` PATCH, ``put`` PUT, any of them
    DELETE; ``soft_delete`` adds restoring, ``bulk`` the same for many rows at once. A route that is
    added to the router later wins over these.

    Args:
        provider: The dependency that ``alchemy.provide_service`` returns.
        read: What is answered for a row.
        create: What POST takes.
        update: What PATCH takes, where what is left out stays as it is.
        put: What PUT takes: the whole row, without its key.
        prefix: What the paths begin with.
        operations: What single operations have of their own; None leaves one out.
        principal: The dependency that gives the caller's id, or ``PUBLIC``: with it the writing
            routes honour ``Idempotency-Key``.
        dry_run: Whether clients may ask for a dry run with ``Prefer: tx=rollback``.
        singular: What one row is called in operation ids; by default the model's name.
        plural: What several are called; by default the last part of the prefix.
        tags: Tags of the routes.
        dependencies: Dependencies of the routes.
        **options: What the resource offers; see ``ResourceOptions``.

    Attributes:
        resource: What routes written by hand can be made of.

    Raises:
        ConfigurationError: The declarations cannot work; the message names the remedy.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be set
        self,
        provider: ResourceProvider[ModelT],
        *,
        read: type[ReadT],
        create: type[CreateT] | None = None,
        update: type[UpdateT] | None = None,
        put: type[PutT] | None = None,
        prefix: str = "",
        operations: Operations | None = None,
        principal: Principal | None = None,
        dry_run: bool = False,
        singular: str | None = None,
        plural: str | None = None,
        tags: list[str | Enum] | None = None,
        dependencies: Sequence[params.Depends] | None = None,
        **options: Unpack[ResourceOptions],
    ) -> None:
        super().__init__(
            prefix=prefix, tags=tags, dependencies=dependencies, route_class=ProblemRoute
        )
        self.resource: Resource[ModelT, ReadT, CreateT, UpdateT, PutT] = Resource(
            provider, read=read, create=create, update=update, put=put, **options
        )
        self._names = names_of(self.resource.model, prefix, singular, plural)
        alchemy, config = self.resource.provision.extension, self.resource.provision.config
        # What is generated does nothing beside the database, so it may run again.
        committing = alchemy.options(retry=True, commit_mode="autocommit", dry_run=dry_run)
        self._options = [Depends(committing)]
        self._keys: list[params.Depends] = []
        if principal is not None:
            _check_principal(principal, self.resource)
            keys = alchemy.idempotency(principal=principal, key=config.bind_key)
            self._keys.append(Depends(keys))
        own = _checked(operations or {})
        generated = list(generated_routes(self.resource, own))
        left_out = {name for name, operation in (operations or {}).items() if operation is None}
        _check_offered(own.keys() - {route.operation for route in generated})
        offered = [route for route in generated if route.operation not in left_out]
        ids: dict[OperationName, str] = {
            route.operation: self._id_of(route, own) for route in offered
        }
        for route in offered:
            self._add(route, own.get(route.operation, Operation()), ids)
        self.routes = OwnFirst(self.routes)

    def _id_of(self, route: GeneratedRoute, own: Operations) -> str:
        special = own.get(route.operation)
        name = None if special is None else special.operation_id
        return name or self._names.operation_id(route.operation)

    def _add(self, route: GeneratedRoute, own: Operation, ids: Mapping[OperationName, str]) -> None:
        reads = route.method in _SAFE
        name = ids[route.operation]
        name_operation(route.endpoint, name, route.path)
        self.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            name=name,
            operation_id=own.operation_id,
            status_code=route.status,
            response_model=route.shown,
            responses=_merged(self._responses(route, own, ids), own.responses or {}),
            dependencies=[
                Depends(refuse_undeclared),
                *(() if reads else self._options),
                # Before a key is looked up: an answer that is kept is for who may have it.
                *own.dependencies,
                *(() if reads else self._keys),
            ],
            tags=list(own.tags),
            summary=own.summary,
            description=own.description,
            deprecated=own.deprecated,
            include_in_schema=own.include_in_schema,
            openapi_extra=route.openapi_extra,
        )

    def _responses(
        self, route: GeneratedRoute, own: Operation, ids: Mapping[OperationName, str]
    ) -> dict[int | str, dict[str, Any]]:
        return documented_responses(
            self.resource, route.operation, ids.items(), read=own.read, status_code=route.status
        )


def _check_principal(
    principal: Principal, resource: Resource[ModelT, ReadT, CreateT, UpdateT, PutT]
) -> None:
    declaration = resource.declaration
    if principal is PUBLIC and (declaration.scope is not None or declaration.settings):
        raise ConfigurationError(
            "With principal=PUBLIC whoever sends a key gets the answer that is kept under it, be "
            "it of another scope. Name the dependency that tells callers apart."
        )


def _checked(operations: Operations) -> dict[OperationName, Operation]:
    known = get_args(OperationName)
    unknown = [name for name in operations if name not in known]
    if unknown:
        raise ConfigurationError(
            f"There is no operation {unknown[0]!r}. Write one of {', '.join(known)}."
        )
    own: dict[OperationName, Operation] = {
        name: operation for name, operation in operations.items() if operation is not None
    }
    for name, operation in cast("Mapping[str, Any]", own).items():
        if not isinstance(operation, Operation):
            raise ConfigurationError(
                f"operations= has {operation!r} for {name!r}. Write an `Operation`, such as "
                "`Operation(tags=[...])`, or None to leave it out."
            )
    return own


def _check_offered(missing: AbstractSet[OperationName]) -> None:
    if missing:
        name = min(missing)
        raise ConfigurationError(
            f"operations= names {name!r}, for which nothing is declared. "
            f"Give the router what it needs, or leave {name!r} out."
        )


def _merged(*documented: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Return what is said of answers, later words first, headers beside each other."""
    merged: dict[int | str, dict[str, Any]] = {}
    for responses in documented:
        for key, response in responses.items():
            status = int(key) if str(key).isdigit() else key
            known = merged.get(status, {})
            both = {"headers": {**known.get("headers", {}), **response.get("headers", {})}}
            merged[status] = {**known, **response, **(both if both["headers"] else {})}
    return merged
