"""What cannot work about a resource, found where it is declared."""

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import class_mapper

from holdfast.crud.scope_checks import Division, check_division, division_of, telling_keys
from holdfast.crud.scoping import ScopeDeclaration
from holdfast.errors import ConfigurationError
from holdfast.plan.writable import check_create_schema, check_update_schema
from holdfast.query.bulk import check_bulk
from holdfast.query.scope import Scope
from holdfast.query.transaction_settings import check_settings
from holdfast.query.upsert import check_upsert

if TYPE_CHECKING:
    from holdfast.crud.resource import Resource

__all__ = ("check_resource", "check_schemas", "check_scope", "fixed_attributes")


def check_resource(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    """Check what can be known before the first request.

    Raises:
        ConfigurationError: Something that is declared cannot work.
    """
    _check_database(resource)
    _check_versions(resource)
    _check_scope(resource)
    check_schemas(resource)


def _check_database(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    dialect = resource.provision.config.get_engine().dialect.name
    declaration = resource.declaration
    if declaration.settings and dialect != "postgresql":
        raise ConfigurationError(
            f"settings= is about settings of PostgreSQL, and the database is {dialect!r}. "
            "Use `scope=` there."
        )
    check_settings(declaration.settings or {})
    resource.reads.listing().check_dialect(dialect)


def _check_versions(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    if resource.declaration.require_if_match and not resource.has_version:
        name = resource.model.__name__
        raise ConfigurationError(
            f"require_if_match= needs a version, which {name} does not have. Map a column for it: "
            '`__mapper_args__ = {"version_id_col": version}`.'
        )


def _check_scope(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    declaration = resource.declaration
    if resource.always.is_restricted and "estimated" in declaration.totals:
        raise ConfigurationError(
            f"The statement of the provider of {resource.model.__name__} has criteria, and an "
            "estimated total counts other rows as well. Leave 'estimated' out of `totals`."
        )
    if isinstance(declaration.scope, Scope):
        check_scope(resource, division_of(declaration.scope), stacklevel=6)


def check_scope(
    resource: "Resource[Any, Any, Any, Any, Any]", division: Division, *, stacklevel: int
) -> None:
    """Check that a scope fits a resource, and warn of what tells of rows outside it.

    Args:
        resource: The resource.
        division: How the scope divides rows.
        stacklevel: Whose line the warnings name.

    Raises:
        ConfigurationError: It does not fit.
    """
    check_division(resource, division)
    for told in telling_keys(resource, division):
        warnings.warn(told, stacklevel=stacklevel)


def check_schemas(
    resource: "Resource[Any, Any, Any, Any, Any]", fixed: Collection[str] | None = None
) -> None:
    """Check what is written against the mapping.

    Args:
        resource: The resource.
        fixed: The attributes whose values the scope fixes, where a request has told.

    Raises:
        ConfigurationError: A schema does not fit the model.
    """
    declaration, service = resource.declaration, resource.provision.service_class
    if fixed is None:
        fixed = fixed_attributes(declaration.scope, resource.model)
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
            argument="put",
        )
        check_upsert(service, natural, fixed)
    if declaration.bulk is not None:
        check_bulk(service)


def fixed_attributes(scope: ScopeDeclaration | None, model: type[Any]) -> Collection[str]:
    """Return the attributes of new rows that a scope gives a value, as far as that is known.

    Args:
        scope: The scope as it was declared.
        model: The class of the rows.
    """
    if isinstance(scope, Scope):
        divided = scope.column_of(model)
        return () if divided is None else (divided.key,)
    # Criteria tell at the first request; until then it may be any.
    return () if scope is None else class_mapper(model).column_attrs.keys()
