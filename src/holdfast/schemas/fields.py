"""The fields of a schema that is there, as far as they can be compared with columns."""

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast

from pydantic import AwareDatetime, BaseModel, EmailStr, NaiveDatetime, SecretBytes, SecretStr
from typing_extensions import get_type_hints

from holdfast.plan.schemas import SchemaReader
from holdfast.schemas.declared import Declared, plain

__all__ = ("SchemaField", "fields_of")

# What Pydantic's own types are once they are validated.
_STANDS_FOR: dict[Any, type[Any]] = {
    AwareDatetime: datetime,
    EmailStr: str,
    NaiveDatetime: datetime,
    SecretBytes: bytes,
    SecretStr: str,
}
_ZONES: dict[Any, bool] = {AwareDatetime: True, NaiveDatetime: False}


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A field of a schema.

    Attributes:
        name: Its name in the class.
        source: The name that it has in what is validated.
        classes: The classes of its values, None where that cannot be told.
        nullable: Whether None is accepted.
        bounds: What bounds its values.
        with_zone: Whether instants have to have an offset, or must not; None for either.
        is_list: Whether it lists its values, as ``Literal`` does.
        is_checked_first: Whether a function of the schema sees what is sent before its type does.
    """

    name: str
    source: str
    classes: frozenset[type[Any]] | None
    nullable: bool
    bounds: dict[str, Any]
    with_zone: bool | None
    is_list: bool
    is_checked_first: bool


def fields_of(schema: Any) -> tuple[SchemaField, ...]:
    """Return the fields of a Pydantic model, a dataclass or a TypedDict.

    Raises:
        ConfigurationError: It is none of these.
    """
    reader = SchemaReader(schema)
    found = reader.read(reader.root)
    hints = dict(_hints(found.cls))
    validated = _validated_first(found.cls)
    fields: list[SchemaField] = []
    for field in found.fields:
        declared = hints.get(field.name) or Declared(object)
        types = declared.type
        lookup = field.lookups[0]
        fields.append(
            SchemaField(
                name=field.name,
                source=str(lookup[0]),
                classes=_classes(types),
                nullable=declared.nullable or types is Any or types is NoneType,
                bounds=declared.bounds,
                is_list=typing.get_origin(types) is Literal,
                with_zone=_ZONES.get(types),
                is_checked_first=bool({field.name, "*"} & validated),
            )
        )
    return tuple(fields)


def _hints(cls: type[Any]) -> Iterator[tuple[str, Declared]]:
    if issubclass(cls, BaseModel):
        for name, field in cls.model_fields.items():
            # `Field` takes its bounds off the annotation and keeps them beside it.
            yield name, plain(typing.Annotated[field.annotation, *field.metadata, None])
        return
    for name, hint in get_type_hints(cls, include_extras=True).items():
        yield name, plain(_unmarked(hint))


def _unmarked(hint: Any) -> Any:
    """Take ``Required``, ``NotRequired`` and their like off a hint."""
    origin = typing.get_origin(hint)
    names = {"NotRequired", "ReadOnly", "Required"}
    marked = getattr(origin, "_name", None) in names or getattr(origin, "__name__", "") in names
    return _unmarked(typing.get_args(hint)[0]) if marked else hint


def _validated_first(cls: type[Any]) -> set[str]:
    decorators: Any = getattr(cls, "__pydantic_decorators__", None)
    if decorators is None:
        return set()
    return {
        name
        for validator in decorators.field_validators.values()
        if validator.info.mode != "after"
        for name in validator.info.fields
    }


def _classes(hint: Any) -> frozenset[type[Any]] | None:
    origin = typing.get_origin(hint)
    if origin in {Union, UnionType}:
        parts = [_classes(plain(part).type) for part in typing.get_args(hint)]
        if None in parts:
            return None
        return frozenset[type[Any]]().union(*(part for part in parts if part is not None))
    if origin is Literal:
        values: tuple[Any, ...] = typing.get_args(hint)
        classes: set[type[Any]] = {type(value) for value in values}
        return frozenset(classes)
    found: Any = _STANDS_FOR.get(hint, origin or hint)
    if not isinstance(found, type) or found is object:
        return None
    return frozenset({cast("type[Any]", found)})
