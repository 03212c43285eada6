"""Whether the rows that foreign keys refer to are ones the request may see."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ForeignKeyConstraint, Table, literal, select, tuple_
from sqlalchemy.orm import Mapper, Session, class_mapper

from holdfast.query.attributes import Attribute
from holdfast.query.lookup import key_criteria
from holdfast.query.scope import RowScope
from holdfast.query.write_problems import foreign_key_violation

__all__ = ("Reference", "check_targets", "references_of", "unseen_targets")


class Reference(NamedTuple):
    """One foreign key of a model.

    Attributes:
        fields: The attributes that hold it.
        target: The mapped class it refers to.
        referred: The attributes of the target that it names, in the order of the fields.
    """

    fields: tuple[str, ...]
    target: type[Any]
    referred: tuple[Attribute, ...]


def references_of(model: type[Any]) -> tuple[Reference, ...]:
    """Return the foreign keys of a model whose targets are mapped."""
    return _references_of(class_mapper(model))


@lru_cache(maxsize=1000)
def _references_of(mapper: Mapper[Any]) -> tuple[Reference, ...]:
    return tuple(
        reference
        for table in mapper.tables
        for constraint in _constraints(table)
        for reference in _references(mapper, constraint)
    )


def _constraints(table: Any) -> list[ForeignKeyConstraint]:
    if not isinstance(table, Table):
        return []  # what a mapper reads from may be a join or a subquery
    return sorted(table.foreign_key_constraints, key=lambda found: list(found.column_keys))


def _references(mapper: Mapper[Any], constraint: ForeignKeyConstraint) -> Iterator[Reference]:
    columns = [element.parent for element in constraint.elements]
    mapped = {column for attribute in mapper.column_attrs for column in attribute.columns}
    if not mapped.issuperset(columns):
        return
    fields = tuple(mapper.get_property_by_column(column).key for column in columns)
    for target in _targets(mapper, constraint):
        properties = (target.get_property_by_column(e.column) for e in constraint.elements)
        referred = tuple(getattr(target.class_, prop.key) for prop in properties)
        yield Reference(fields, target.class_, referred)


def _targets(mapper: Mapper[Any], constraint: ForeignKeyConstraint) -> Iterator[Mapper[Any]]:
    """Return the mappers of the referred table: those relations name, or else its own."""
    columns = {element.parent for element in constraint.elements}
    by_relation = dict.fromkeys(
        relation.mapper
        for relation in mapper.relationships
        if set(relation.local_columns) == columns
        and constraint.referred_table in relation.mapper.tables
    )
    if by_relation:
        yield from by_relation
        return
    for other in sorted(mapper.registry.mappers, key=lambda m: m.class_.__name__):
        if other.local_table is constraint.referred_table and other.inherits is None:
            yield other


def check_targets(
    session: Session,
    model: type[Any],
    values: Mapping[str, Any],
    scope: RowScope,
    *,
    exempt: Collection[str] = (),
) -> None:
    """Refuse foreign keys that refer to no row of the scope.

    One statement for each foreign key whose target is in the scope or can be soft-deleted; none for
    the others, which the database checks.

    Args:
        session: The session to read with.
        model: The mapped class of the row that is written.
        values: What is written, by attribute.
        scope: The rows that the request may see.
        exempt: Attributes that are not checked, such as those that keep their value.

    Raises:
        ProblemError: 409, the same as for a foreign key that the database refuses.
    """
    unseen = unseen_targets(session, model, [values], scope, exempt=exempt)
    if unseen:
        raise foreign_key_violation(unseen[0])


def unseen_targets(
    session: Session,
    model: type[Any],
    rows: Sequence[Mapping[str, Any]],
    scope: RowScope,
    *,
    exempt: Collection[str] = (),
) -> dict[int, tuple[str, ...]]:
    """Return which of many rows refer to no row of the scope, and by which fields.

    Args:
        session: The session to read with.
        model: The mapped class of the rows that are written.
        rows: What is written to each, by attribute.
        scope: The rows that the request may see.
        exempt: Attributes that are not checked.
    """
    unchecked = {*scope.values(model), *exempt}
    unseen: dict[int, tuple[str, ...]] = {}
    for reference in references_of(model):
        if scope.criterion(reference.target) is None or unchecked.issuperset(reference.fields):
            continue
        named = {
            index: tuple(values[field] for field in reference.fields)
            for index, values in enumerate(rows)
            if all(values.get(field) is not None for field in reference.fields)
        }
        seen = _seen(session, reference, set(named.values()), scope)
        for index, value in named.items():
            if value not in seen:
                unseen.setdefault(index, reference.fields)
    return unseen


def _seen(
    session: Session, reference: Reference, values: set[tuple[Any, ...]], scope: RowScope
) -> set[tuple[Any, ...]]:
    """Return those of the values that rows of the scope have."""
    if len(values) > 1:
        found = set(_rows(session, reference, values, scope))
    else:
        found = set[tuple[Any, ...]]()
    # One by one by the database's own equality, which may know no difference of case.
    return found | {
        value for value in values - found if any(_rows(session, reference, {value}, scope))
    }


def _rows(
    session: Session, reference: Reference, values: set[tuple[Any, ...]], scope: RowScope
) -> Iterator[tuple[Any, ...]]:
    referred = reference.referred
    criterion = scope.criterion(reference.target)
    if len(values) == 1:
        (value,) = values
        statement = select(literal(1)).where(*key_criteria(referred, value))
    elif len(referred) == 1:
        statement = select(*referred).where(referred[0].in_([value for (value,) in values]))
    else:
        statement = select(*referred).where(tuple_(*referred).in_(values))
    statement = statement.select_from(reference.target)
    if criterion is not None:
        statement = statement.where(criterion)
    return (tuple(row) for row in session.execute(statement))
