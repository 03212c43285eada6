"""Finding and reading many rows with few statements."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, inspect, select, tuple_
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.changes import differing
from holdfast.query.lookup import Lock, find_or_none, hold_writers, lock_arguments, parts_of
from holdfast.query.scope import RowScope
from holdfast.query.services import dialect_of
from holdfast.query.write_problems import outside_scope

__all__ = ("find_many", "read_again", "verify_all_in_scope")

# No database takes any number of parameters in one statement.
_AT_A_TIME = 500


def find_many(  # noqa: PLR0913 - all after the scope by name
    session: Session,
    model: type[Any],
    keys: Sequence[Any],
    scope: RowScope,
    *,
    key_attributes: Sequence[Attribute] = (),
    options: Sequence[ORMOption] = (),
    lock: Lock,
) -> list[Any | None]:
    """Return the rows that keys name, locked, each at the place of its key.

    They are locked in the order of their primary key, so that two requests for the same rows do not
    wait for each other.

    Args:
        session: The session to read with.
        model: The mapped class.
        keys: The keys; tuples where they have several parts.
        scope: The rows that may be found.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        options: What else is loaded.
        lock: What the rows are locked for.

    Returns:
        The rows; None where there is none in the scope.
    """
    attributes = tuple(key_attributes) or primary_key_of(model)
    criterion = scope.criterion(model)
    base = select(model).options(lazyload("*"), *options).order_by(*primary_key_of(model))
    base = base.with_for_update(**lock_arguments(model, lock, dialect_of(session, model)))
    if criterion is not None:
        base = base.where(criterion)
    session.flush()
    hold_writers(session, model)
    wanted = list(map(parts_of, keys))
    found: dict[tuple[Any, ...], Any] = {}
    for part in _portions(list(dict.fromkeys(wanted))):
        rows = session.scalars(
            base.where(_is_one_of(attributes, part)), execution_options={"populate_existing": True}
        )
        for entity in rows.unique():
            found[tuple(getattr(entity, a.key) for a in attributes)] = entity
    return [
        found[key]
        if key in found
        # By the database's own equality, which may know no difference of case.
        else find_or_none(session, model, key, scope, key_attributes=attributes, lock=lock)
        for key in wanted
    ]


def read_again(
    session: Session, model: type[Any], entities: Sequence[Any], options: Sequence[ORMOption]
) -> None:
    """Read rows as they are now, with what an answer shows of them.

    Args:
        session: The session that wrote them.
        model: The mapped class.
        entities: The rows.
        options: Loader options, those of the scope included.
    """
    attributes = primary_key_of(model)
    for part in _portions([tuple(inspect(entity).identity) for entity in entities]):
        statement = select(model).where(_is_one_of(attributes, part)).options(*options)
        session.scalars(statement, execution_options={"populate_existing": True}).unique().all()


def verify_all_in_scope(
    session: Session, model: type[Any], entities: Sequence[Any], scope: RowScope
) -> None:
    """Refuse rows that were flushed, if one of them lies outside the scope.

    Raises:
        ProblemError: 422.
    """
    fixed = scope.values(model)
    for entity in entities:
        names = differing(entity, fixed)
        if names:
            raise outside_scope(names)
    criterion = scope.scope_criterion(model)
    if criterion is None or scope.is_fixed_by_values(model):
        return
    attributes = primary_key_of(model)
    for part in _portions([tuple(inspect(entity).identity) for entity in entities]):
        statement = select(*attributes).where(_is_one_of(attributes, part), criterion)
        if len(session.execute(statement).all()) < len(part):
            raise outside_scope()


def _portions(keys: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    return (keys[start : start + _AT_A_TIME] for start in range(0, len(keys), _AT_A_TIME))


def _is_one_of(
    attributes: Sequence[Attribute], keys: Sequence[tuple[Any, ...]]
) -> ColumnElement[bool]:
    if len(attributes) == 1:
        return attributes[0].in_([value for (value,) in keys])
    return tuple_(*attributes).in_(keys)
