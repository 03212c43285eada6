"""What cannot work about a resource, found where it is declared."""

import warnings
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from holdfast.errors import ConfigurationError
from holdfast.plan.writable import (
    check_create_schema,
    check_update_schema,
    field_names,
    unscoped_unique_keys,
)
from holdfast.query.attributes import Attribute
from holdfast.query.bulk import check_bulk
from holdfast.query.scope import SOFT_DELETE, Scope
from holdfast.query.upsert import check_upsert

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

    from holdfast.crud.resource import Resource

__all__ = ("check_resource", "mark_soft_delete")


def mark_soft_delete(model: type[Any], column: Attribute | None) -> None:
    """Mark the column that holds when a row was deleted, for every resource that reads the model.

    Raises:
        ConfigurationError: It is no nullable column of the model.
    """
    if column is None:
        return
    mapper: Mapper[Any] = inspect(model)
    found: Any = mapper.column_attrs.get(getattr(column, "key", ""))
    if found is None or not getattr(found.columns[0], "nullable", False):
        raise ConfigurationError(
            f"soft_delete= names {column}, which is no nullable column of {model.__name__}. "
            "Name one such as `deleted_at: Mapped[datetime | None]`."
        )
    found.columns[0].info[SOFT_DELETE] = True


def check_resource(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    """Check what can be known before the first request.

    Raises:
        ConfigurationError: Something that is declared cannot work.
    """
    _check_database(resource)
    _check_versions(resource)
    _check_scope(resource)
    _check_schemas(resource)


def _check_database(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    dialect = resource.provision.config.get_engine().dialect.name
    declaration = resource.declaration
    if declaration.settings and dialect != "postgresql":
        raise ConfigurationError(
            f"settings= is about settings of PostgreSQL, and the database is {dialect!r}. "
            "Use `scope=` there."
        )
    if "estimated" in declaration.totals and dialect == "sqlite":
        raise ConfigurationError(
            "SQLite's planner estimates no number of rows. Leave 'estimated' out of `totals`."
        )


def _check_versions(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    if resource.declaration.require_if_match and not resource.has_version:
        name = resource.model.__name__
        raise ConfigurationError(
            f"require_if_match= needs a version, which {name} does not have. Map a column for it: "
            '`__mapper_args__ = {"version_id_col": version}`.'
        )


def _check_scope(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    scope = resource.declaration.scope
    if not isinstance(scope, Scope):
        return
    column = scope.column_of(resource.model)
    name = resource.model.__name__
    if column is None:
        raise ConfigurationError(
            f"The scope is about {', '.join(map(str, scope.columns))}, and not about {name}. "
            f"Name its column too: `Scope(..., {name}.<column>)`."
        )
    for model in resource.models:
        if scope.column_of(model) is None and _has_column_like(model, scope):
            raise ConfigurationError(
                f"{model.__name__}, which the routes of {name} read, has a column like those of "
                f"the scope, but the scope does not name it. Add `{model.__name__}.{column.key}`."
            )
    schemas = (resource.create, resource.update, resource.put)
    written = {field for schema in schemas if schema is not None for field in field_names(schema)}
    for key in unscoped_unique_keys(resource.model, (column.key,), written):
        warnings.warn(
            f"{', '.join(key)} of {name} is unique without {column.key}, so a 409 tells callers of "
            f"one scope what is in another. Add {column.key} to the constraint.",
            stacklevel=5,
        )


def _has_column_like(model: type[Any], scope: Scope) -> bool:
    mapper: Mapper[Any] = inspect(model)
    return any(column.key in mapper.column_attrs for column in scope.columns)


def _check_schemas(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    declaration, service = resource.declaration, resource.provision.service_class
    scope = declaration.scope
    divided = scope.column_of(resource.model) if isinstance(scope, Scope) else None
    fixed = () if divided is None else (divided.key,)
    nested = [relation.key for relation in declaration.nested]
    natural = resource.key if declaration.key is not None else ()
    if resource.create is not None:
        check_create_schema(
            resource.model, resource.create, service=service, nested=nested, fixed=fixed
        )
    if resource.update is not None:
        check_update_schema(
            resource.model, resource.update, service=service, nested=nested, key=natural
        )
    if resource.put is not None:
        check_create_schema(
            resource.model,
            resource.put,
            service=service,
            nested=nested,
            fixed=fixed,
            key=resource.key,
        )
        check_upsert(service, natural, fixed)
    if declaration.bulk is not None:
        check_bulk(service)
