"""What a mapped class has under a name: columns, relations, proxies, or Python code."""

from dataclasses import dataclass
from inspect import getattr_static
from typing import Any

from sqlalchemy import BindParameter, Column, inspect
from sqlalchemy.ext.associationproxy import AssociationProxy, AssociationProxyInstance
from sqlalchemy.orm import (
    ColumnProperty,
    CompositeProperty,
    Mapper,
    RelationshipProperty,
    SynonymProperty,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, Case, Cast, Grouping, Label, UnaryExpression

__all__ = ("Code", "Constant", "Source", "is_of_its_row", "models_in", "source_of")


@dataclass(frozen=True, slots=True)
class Code:
    """A property, a hybrid or a method: Python that runs when it is read.

    Attributes:
        attribute: What the class holds under the name.
    """

    attribute: Any


@dataclass(frozen=True, slots=True)
class Constant:
    """A value of the class, the same for every row."""


Source = (
    ColumnProperty[Any]
    | CompositeProperty[Any]
    | RelationshipProperty[Any]
    | AssociationProxyInstance[Any]
    | Code
    | Constant
)


def source_of(mapper: Mapper[Any], key: str) -> Source | None:
    """Return what provides an attribute of a mapped class's instances, None where nothing does."""
    prop = mapper.attrs.get(key)
    if isinstance(prop, SynonymProperty):
        return source_of(mapper, prop.name)
    if isinstance(prop, ColumnProperty | CompositeProperty | RelationshipProperty):
        return prop
    descriptor: Any = mapper.all_orm_descriptors.get(key)
    if isinstance(descriptor, AssociationProxy):
        instance: AssociationProxyInstance[Any] = getattr(mapper.class_, key)
        return instance
    found: Any = getattr_static(mapper.class_, key, None)
    if key.startswith("_") or key in {"metadata", "registry"} or found is None:
        return None
    return Code(found) if hasattr(found, "__get__") else Constant()


def is_of_its_row(mapper: Mapper[Any], element: Any) -> bool:
    """Tell whether an SQL expression is made of one row's own columns, by operators alone.

    A function may depend on the time, and a subquery on other rows.
    """
    plain = (BinaryExpression, BindParameter, Case, Cast, Grouping, Label, UnaryExpression)
    for part in visitors.iterate(element):
        if isinstance(part, Column):
            if part.table not in mapper.tables:
                return False
        elif not isinstance(part, plain):
            return False
    return True


def models_in(element: Any) -> tuple[type[Any], ...]:
    """Return the mapped classes that an SQL expression is written with."""
    found: dict[type[Any], None] = {}
    for part in visitors.iterate(element):
        entity = getattr(part, "_annotations", {}).get("parententity")
        if entity is not None:
            mapper: Mapper[Any] = inspect(entity).mapper
            found[mapper.class_] = None
    return tuple(found)
