"""Criteria about what relations lead to."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Mapper, aliased

from holdfast.query.attributes import Attribute, Path

__all__ = ("related_criterion", "related_models")


def related_criterion(
    relations: Sequence[Attribute],
    column: Attribute,
    make: Callable[[Attribute], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """Return a criterion about a column: an EXISTS where relations lead to it, so no row is twice.

    Args:
        relations: The relations on the way.
        column: The attribute at their end.
        make: Called with the column's attribute, of an alias where there are relations.
    """
    if not relations:
        return make(column)
    relation, *further = relations
    target: Any = aliased(_target(relation, further[0] if further else column))
    if further:
        following = getattr(target, further[0].key)
        inner = related_criterion([following, *further[1:]], column, make)
    else:
        inner = make(getattr(target, column.key))
    # Not by any() and has(): SQLAlchemy 2.0 applies no criteria of a scope to an alias there.
    joined = cast("ColumnElement[bool]", relation.of_type(target).expression)
    return select(literal(1)).select_from(target).where(joined, inner).exists()


def related_models(paths: Iterable[Path]) -> tuple[type[Any], ...]:
    """Return the classes that the relations of some paths lead to, each once."""
    found: dict[type[Any], None] = {}
    for path in paths:
        behind = (*path.relations, path.column)[1:]
        for relation, following in zip(path.relations, behind, strict=True):
            found[_target(relation, following)] = None
    return tuple(found)


def _target(relation: Attribute, following: Attribute) -> type[Any]:
    """Return the class that a relation leads to, or the one below it that has what follows."""
    led_to: Mapper[Any] = relation.property.mapper
    owner: Mapper[Any] = following.property.parent
    return (owner if owner.isa(led_to) else led_to).class_
