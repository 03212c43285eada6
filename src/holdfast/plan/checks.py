"""What a field must not read: relations that are never loaded, and secrets."""

from collections.abc import Sequence
from typing import Any, NoReturn, cast

from sqlalchemy.orm import Mapper, RelationshipProperty

from holdfast.errors import ConfigurationError
from holdfast.plan.core import is_moment_or_flag
from holdfast.plan.schemas import SchemaField
from holdfast.plan.secrets import is_secret_column, is_secret_name
from holdfast.query.attributes import Attribute

__all__ = ("check_loadable", "check_secret", "is_of", "refuse")


def refuse(schema: str, field: SchemaField, mistake: str, remedy: str) -> NoReturn:
    """Raise what a mistake in a field is answered with.

    Raises:
        ConfigurationError: Always.
    """
    raise ConfigurationError(f"{schema}.{field.name} {mistake}. {remedy}")


def check_loadable(schema: str, field: SchemaField, relation: RelationshipProperty[Any]) -> None:
    """Refuse a relation that is never loaded with its entity.

    Raises:
        ConfigurationError: It is dynamic or write-only.
    """
    if relation.lazy in {"dynamic", "write_only"}:
        refuse(
            schema,
            field,
            f'is a relation with lazy="{relation.lazy}", which is never loaded with its entity',
            "Show it by a route of its own, or map a second, viewonly relation.",
        )


def check_secret(  # noqa: PLR0913, PLR0917 - where it is, what it is, and what may be shown
    schema: str,
    field: SchemaField,
    mapper: Mapper[Any],
    key: str,
    element: Any,
    allowed: Sequence[Attribute],
) -> None:
    """Refuse a field that shows a secret.

    Args:
        schema: The name of the schema.
        field: The field.
        mapper: The class that it is read from.
        key: The attribute that it is read from.
        element: The column or SQL expression behind it, None where it is Python code.
        allowed: The secrets that may be shown.

    Raises:
        ConfigurationError: It shows one that may not.
    """
    if field.shown_as is None or any(
        attribute.key == key and is_of(mapper.class_, attribute) for attribute in allowed
    ):
        return
    names = {key, field.name, field.shown_as}
    if element is not None:
        is_secret = any(is_secret_column(name, element) for name in names)
    else:
        is_secret = any(map(is_secret_name, names)) and not is_moment_or_flag(field.core)
    if is_secret:
        refuse(
            schema,
            field,
            f"shows {mapper.class_.__name__}.{key}, which holds a secret",
            "Leave the field out, or name the attribute in show_secrets=.",
        )


def is_of(model: type[Any], attribute: Attribute) -> bool:
    """Tell whether an attribute is one of a mapped class."""
    return issubclass(model, cast("type[Any]", attribute.class_))
