"""The part of a path that says which row: its primary key, or a natural key."""

from collections.abc import Callable, Coroutine, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import quote

from fastapi import Path, Query
from sqlalchemy import Table, UniqueConstraint, inspect
from starlette.requests import Request

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.values import several, value_type

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

__all__ = (
    "Key",
    "key_annotation",
    "key_attributes",
    "key_of",
    "key_path",
    "path_of",
    "path_to",
    "provide_key",
    "provide_keys",
)

Key = tuple[Any, ...]
"""The values of the key's attributes, in their order."""


def key_attributes(
    model: type[Any],
    declared: Attribute | Sequence[Attribute] | None,
    divided: Attribute | None = None,
) -> tuple[Attribute, ...]:
    """Return the attributes that tell a model's rows apart in a URL.

    Args:
        model: The mapped class.
        declared: The natural key, or None for the primary key.
        divided: The column that the scope fixes, which may be part of what is unique.

    Raises:
        ConfigurationError: The attributes are not unique, or can be NULL.
    """
    if declared is None:
        return primary_key_of(model)
    attributes = tuple(declared) if isinstance(declared, Sequence) else (declared,)
    columns = [attribute.property.columns[0] for attribute in attributes]
    nullable = [column.key for column in columns if column.nullable]
    if nullable:
        raise ConfigurationError(
            f"key= names {nullable[0]!r} of {model.__name__}, which can be NULL. "
            "Name columns that every row has a value of."
        )
    fixed: set[str] = set() if divided is None else {divided.property.columns[0].name}
    if not _is_unique(model, {column.name for column in columns}, fixed):
        names = ", ".join(column.name for column in columns)
        raise ConfigurationError(
            f"key= names {names} of {model.__name__}, which are not unique. "
            "Give them a unique constraint, alone or with the column of a `Scope`, or leave `key` "
            "out for the primary key."
        )
    return attributes


def _is_unique(model: type[Any], names: set[str], fixed: set[str]) -> bool:
    mapper: Mapper[Any] = inspect(model)
    table = cast("Table", mapper.local_table)
    groups = [{column.name} for column in table.columns if column.unique]
    groups.append({column.name for column in table.primary_key})
    groups += [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    groups += [{column.name for column in index.columns} for index in table.indexes if index.unique]
    return names in groups or names | fixed in groups


def key_path(attributes: Sequence[Attribute]) -> str:
    """Return the path of one row, below that of all: ``/{id}``."""
    return "".join(f"/{{{attribute.key}}}" for attribute in attributes)


def key_of(row: Any, attributes: Sequence[Attribute]) -> Key:
    """Return the values that say in a URL which row it is."""
    return tuple(inspect(row).dict[attribute.key] for attribute in attributes)


def path_of(request: Request) -> str:
    """Return the path of a request as headers take it: servers hand it on decoded."""
    return quote(request.scope["path"], safe="/!$&'()*+,;=:@")


def path_to(collection: str, key: Sequence[Any]) -> str:
    """Return the path of a row, for ``Location``.

    Args:
        collection: The path of all rows, as headers take it.
        key: The values of the key's attributes.
    """
    return "/".join([collection.rstrip("/"), *(quote(str(part), safe="") for part in key)])


def key_annotation(attribute: Attribute) -> Any:
    """Return the type of a key's value.

    Raises:
        ConfigurationError: No URL can hold it.
    """
    held = value_type(attribute.expression.type)
    if held.annotation is None:
        raise ConfigurationError(
            f"{attribute} is of type {attribute.expression.type!r}, which no URL can hold. "
            "Name another key: `key=` takes any attribute that is unique."
        )
    return held.annotation


def provide_key(attributes: Sequence[Attribute]) -> Callable[..., Coroutine[Any, Any, Key]]:
    """Return the dependency that reads a key from the path."""
    names = [attribute.key for attribute in attributes]

    async def collect_key(**values: Any) -> Key:
        return tuple(values[name] for name in names)

    parameters = [
        Parameter(
            attribute.key,
            Parameter.KEYWORD_ONLY,
            annotation=Annotated[key_annotation(attribute), Path()],
        )
        for attribute in attributes
    ]
    collect_key.__dict__["__signature__"] = Signature(parameters)
    return collect_key


def provide_keys(attribute: Attribute, most: int) -> Callable[..., Coroutine[Any, Any, list[Key]]]:
    """Return the dependency that reads several keys from the query, one parameter each.

    Args:
        attribute: The key's one attribute.
        most: How many there may be.
    """

    async def collect_keys(**values: Any) -> list[Key]:
        return [(value,) for value in values[attribute.key]]

    hint = several(key_annotation(attribute), 1, most)
    parameter = Parameter(
        attribute.key,
        Parameter.KEYWORD_ONLY,
        annotation=Annotated[hint, Query(description="Which rows: one parameter for each.")],
    )
    collect_keys.__dict__["__signature__"] = Signature([parameter])
    return collect_keys
