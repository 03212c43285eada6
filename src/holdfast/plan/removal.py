"""What a model and a service have to be like for rows to be marked as deleted."""

from typing import Any

from sqlalchemy import Column, DateTime
from sqlalchemy.orm import class_mapper

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, path_of
from holdfast.query.services import overrides

__all__ = ("check_soft_delete",)


def check_soft_delete(
    model: type[Any], column: Attribute, service: type[Any] | None = None
) -> None:
    """Hold the column that marks deleted rows against the mapping.

    Args:
        model: The mapped class.
        column: The attribute that is set to the time of the deletion.
        service: The service's class, whose own ``delete`` would not be called.

    Raises:
        ConfigurationError: The column cannot tell the time, or tell that there was no deletion; or
            the service has a ``delete`` of its own.
    """
    path_of(model, column, "`soft_delete=`")
    found: Any = class_mapper(model).column_attrs[column.key].columns[0]
    type_ = getattr(found.type, "impl", found.type)  # of what a decorator is around
    if not isinstance(found, Column) or not isinstance(type_, DateTime) or not found.nullable:
        raise ConfigurationError(
            f"`soft_delete=` names {column}, which cannot hold when a row was deleted, or NULL. "
            "Name a DateTime column that takes NULL."
        )
    if service is not None and overrides(service, "delete"):
        raise ConfigurationError(
            f"`soft_delete=` marks rows of {model.__name__}, and the `delete` of "
            f"{service.__name__} would not be called. Leave one of them out."
        )
