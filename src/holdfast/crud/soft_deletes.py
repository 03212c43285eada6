"""Columns that mark rows as deleted, and what was declared before they were known."""

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy.orm import class_mapper

from holdfast.errors import ConfigurationError
from holdfast.plan.removal import check_soft_delete
from holdfast.query.scope import SOFT_DELETE

if TYPE_CHECKING:
    from holdfast.crud.resource import Resource

__all__ = ("mark_soft_delete", "remember")

_resources: "WeakSet[Resource[Any, Any, Any, Any, Any]]" = WeakSet()


def mark_soft_delete(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    """Mark the column of a resource that tells when a row was deleted, for all other resources too.

    Those that were declared before are checked again: what they read may be hidden from now on.

    Raises:
        ConfigurationError: It cannot mark rows, or one of them cannot work without what is hidden.
    """
    column = resource.declaration.soft_delete
    if column is None:
        return
    check_soft_delete(resource.model, column, resource.provision.service_class)
    info: dict[Any, Any] = class_mapper(resource.model).column_attrs[column.key].columns[0].info
    if info.get(SOFT_DELETE):
        return
    info[SOFT_DELETE] = True
    try:
        for other in tuple(_resources):
            # Those of another application, in a test maybe, are none of its affair.
            if other.provision.extension is resource.provision.extension:
                other.check_schemas()
    except ConfigurationError:
        info.pop(SOFT_DELETE)
        raise


def remember(resource: "Resource[Any, Any, Any, Any, Any]") -> None:
    """Let a resource be checked again when more rows come to be hidden."""
    _resources.add(resource)
