"""What can be proven of a relation: how many rows it leads to, and whether to any."""

from typing import Any, cast

from sqlalchemy import Column, Table, UniqueConstraint, inspect
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList

from holdfast.errors import ConfigurationError
from holdfast.plan.nodes import Node
from holdfast.query.scope import soft_delete_column

__all__ = ("cannot_multiply", "check_required", "target_of")

Relation = RelationshipProperty[Any]


def target_of(relation: Relation) -> Any:
    """Return the mapped class that a relation leads to, or the alias."""
    return relation.entity.entity


def cannot_multiply(relation: Relation) -> bool:
    """Tell whether a join along a relation gives at most one row for each.

    It does where the far side's columns hold a key of their table. What cannot be proven is read by
    a statement of its own: a second row must not take a place in a page.
    """
    if relation.uselist or relation.secondary is not None:
        return False
    condition = relation.primaryjoin
    parts = (
        condition.clauses
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_
        else [condition]
    )
    if not all(isinstance(p, BinaryExpression) and p.operator is operators.eq for p in parts):
        return False
    far = {column for _, column in relation.local_remote_pairs or ()}
    tables: set[Any] = {column.table for column in far}
    return any(
        key and key <= far
        for table in tables
        if isinstance(table, Table)
        for key in _keys(cast("Table", table))
    )


def check_required(node: Node) -> None:
    """Refuse relations that a schema takes to lead somewhere, and that may lead nowhere.

    `analyse` does. A class may be marked as soft-deleted after that, by another router: then this
    has something new to say.

    Raises:
        ConfigurationError: A field does not accept None, but may have to be.
    """
    for each in node.nodes():
        mapper: Mapper[Any] = inspect(each.model).mapper
        for field in each.relations:
            missing = _why_it_may_be_missing(mapper.relationships[field.relation])
            if missing and not field.is_to_many and not field.is_nullable:
                shown_by = each.mapped_class if each.schema is None else each.schema
                raise ConfigurationError(
                    f"{shown_by.__name__}.{field.name} does not accept None, "
                    f"but may lead nowhere: {missing}. Let it be None: `| None`."
                )


def _why_it_may_be_missing(relation: Relation) -> str | None:
    """Return why a to-one relation may lead nowhere, None where nothing says so."""
    target = relation.mapper.class_
    if soft_delete_column(target) is not None:
        return f"{target.__name__} is soft-deleted, and hidden then"
    near = relation.local_columns
    if relation.secondary is not None or not any(
        isinstance(column, Column) and column.foreign_keys for column in near
    ):
        return f"no foreign key says that there is a {target.__name__}"
    nullable = sorted(column.name for column in near if getattr(column, "nullable", True))
    return f"its column {nullable[0]} is nullable" if nullable else None


def _keys(table: Table) -> list[set[Any]]:
    unique = [
        set(constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    indexes = [
        set(index.columns)
        for index in table.indexes
        # One with conditions, or of expressions, says nothing of the columns.
        if index.unique
        and not index.dialect_kwargs
        and all(isinstance(expression, Column) for expression in index.expressions)
    ]
    return [set(table.primary_key.columns), *unique, *indexes]
