"""Deleting one row, or marking it as deleted, and taking the mark away."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from advanced_alchemy.exceptions import RepositoryError
from sqlalchemy import inspect
from sqlalchemy.exc import CircularDependencyError
from sqlalchemy.orm import MANYTOONE, InstanceState, object_mapper
from sqlalchemy.orm.attributes import set_committed_value

from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.committed import PLAIN, Reload, as_committed, changed_attributes
from holdfast.query.lookup import Lock, find
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.scope import EVERY_ROW, RowScope, soft_delete_column
from holdfast.query.services import flush, model_of, overrides, session_of
from holdfast.query.waiting import finished
from holdfast.query.write_problems import still_referred_to

__all__ = (
    "delete_row",
    "deletion_time",
    "flush_deletions",
    "forget_itself",
    "mark_deleted",
    "remove",
    "restore_row",
)


def delete_row(
    service: Any,
    key: Any,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
) -> None:
    """Delete one row; where its model has a column marked for that, set this to now instead.

    A SELECT that locks the row, and a DELETE or UPDATE, beside what the mapper cascades to.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        scope: The rows that the request may touch.
        precondition: What the request requires of the row's version.
        key_attributes: The attributes of a natural key; without them it is the primary key.

    Raises:
        ProblemError: 404 for a row outside the scope, or one that is marked already; 412 where the
            condition does not hold.
    """
    session, model = session_of(service), model_of(service)
    soft = soft_delete_column(model)
    lock: Lock = "delete" if soft is None else "update"
    entity = find(session, model, key, scope, key_attributes=key_attributes, lock=lock)
    precondition.check(entity)
    if soft is None:
        remove(service, entity)
    else:
        mark_deleted(entity, soft)
        flush(service)


def remove(service: Any, entity: Any) -> None:
    """Delete a row that was found and locked, by the service's own ``delete`` where it has one."""
    if not overrides(service, "delete") and not overrides(service.repository, "delete", "get"):
        forget_itself(entity)
        session_of(service).delete(entity)
        flush_deletions(service)
        return
    identity = inspect(entity).identity
    options: dict[str, Any] = {}
    if len(identity) == 1:
        (attribute,) = primary_key_of(object_mapper(entity).class_)
        if attribute.key != service.repository.id_attribute:
            options["id_attribute"] = attribute.key
    item_id = identity[0] if len(identity) == 1 else tuple(identity)
    finished(service.delete(item_id, auto_commit=False, auto_expunge=False, **options))


def forget_itself(entity: Any) -> None:
    """Let the mapper not know that a row refers to itself: it would delete it after itself.

    PostgreSQL and SQLite do not mind; MariaDB refuses it.
    """
    state: InstanceState[Any] = inspect(entity)
    mapper = state.mapper
    for relation in mapper.relationships:
        if relation.direction is not MANYTOONE or not relation.mapper.common_parent(mapper):
            continue
        pairs = [
            tuple(state.dict.get(mapper.get_property_by_column(column).key) for column in pair)
            for pair in relation.local_remote_pairs or ()
        ]
        if all(own is not None and own == referred for own, referred in pairs):
            set_committed_value(entity, relation.key, None)


def flush_deletions(service: Any) -> None:
    """Send deletions to the database.

    Raises:
        ProblemError: 409: of the rows each refers to the other, so none can go first.
    """
    try:
        flush(service)
    except (CircularDependencyError, RepositoryError) as error:
        if not isinstance(error, CircularDependencyError) and not isinstance(
            error.__cause__, CircularDependencyError
        ):
            raise
        raise still_referred_to() from error


def mark_deleted(entity: Any, column: Attribute) -> None:
    """Set the mark of deletion to now."""
    setattr(entity, column.key, deletion_time(column))


def deletion_time(column: Attribute) -> datetime:
    """Return now, in the way that a column tells the time."""
    now = datetime.now(UTC)
    has_zone = getattr(column.type, "timezone", True)
    return now if has_zone else now.replace(tzinfo=None)


def restore_row(  # noqa: PLR0913 - all after the key by name
    service: Any,
    key: Any,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> Any:
    """Take the mark of deletion away from a row; one that has none stays as it is.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        scope: The rows that the request may touch; those that are marked are looked at as well.
        precondition: What the request requires of the row's version.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Returns:
        The row as it is committed.

    Raises:
        ProblemError: 404 for a row outside the scope, 412 where the condition does not hold.
    """
    session, model = session_of(service), model_of(service)
    column = soft_delete_column(model)
    wide = scope.with_deleted()
    entity = find(session, model, key, wide, key_attributes=key_attributes, lock="update")
    precondition.check(entity)
    if column is not None and getattr(entity, column.key) is not None:
        setattr(entity, column.key, None)
    changed = changed_attributes(entity)
    flush(service)
    return as_committed(session, entity, reload, changed)
