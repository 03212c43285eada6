"""Deleting many rows: all of them, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session, class_mapper, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.query.all_or_nothing import Explain, all_or_nothing
from holdfast.query.attributes import Attribute
from holdfast.query.bulk import all_found
from holdfast.query.delete import (
    delete_row,
    deletion_time,
    flush_deletions,
    forget_itself,
    remove,
)
from holdfast.query.many import find_many
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.scope import EVERY_ROW, RowScope, soft_delete_column
from holdfast.query.services import model_of, overrides, session_of
from holdfast.query.update_together import apply_together

__all__ = ("RowKey", "delete_rows")


@dataclass(frozen=True, slots=True)
class RowKey:
    """One row of a bulk request.

    Attributes:
        key: The row's key; a tuple where it has several parts.
        precondition: What the request requires of the row's version.
    """

    key: Any
    precondition: Precondition = UNCONDITIONAL


def delete_rows(
    service: Any,
    rows: Sequence[RowKey],
    *,
    explain: Explain,
    scope: RowScope = EVERY_ROW,
    key_attributes: Sequence[Attribute] = (),
) -> None:
    """Delete rows, or mark them as deleted where their model has a column for that.

    A SELECT that locks them all, one for each relation that the mapper looks after, and a DELETE
    or UPDATE. A service with a ``delete`` of its own is asked for each row.

    Args:
        service: An Advanced Alchemy service, async or sync.
        rows: The rows, each of them once.
        explain: Tells what a database error means to the client.
        scope: The rows that the request may touch.
        key_attributes: The attributes of a natural key; without them it is the primary key.

    Raises:
        ProblemError: 4xx with the index of every row that could not be deleted.
    """
    session = session_of(service)

    def one(index: int) -> None:
        row = rows[index]
        delete_row(
            service,
            row.key,
            scope=scope,
            precondition=row.precondition,
            key_attributes=key_attributes,
        )

    all_or_nothing(
        session,
        len(rows),
        lambda: _delete_together(service, session, rows, scope, key_attributes),
        one,
        explain,
    )


def _delete_together(
    service: Any,
    session: Session,
    rows: Sequence[RowKey],
    scope: RowScope,
    key_attributes: Sequence[Attribute],
) -> None:
    model = model_of(service)
    soft = soft_delete_column(model)
    found = all_found(
        find_many(
            session,
            model,
            [row.key for row in rows],
            scope,
            key_attributes=key_attributes,
            options=() if soft is not None else _dependents(model),
            lock="delete" if soft is None else "update",
        )
    )
    own = overrides(service, "delete") or overrides(service.repository, "delete", "get")
    for row, entity in zip(rows, found, strict=True):
        row.precondition.check(entity)
    if soft is not None:
        marked = [(entity, {soft.key: deletion_time(soft)}) for entity in found]
        apply_together(service, session, marked)
        for entity in found:
            session.expire(entity)
        return
    for entity in found:
        if own:
            remove(service, entity)
        else:
            forget_itself(entity)
            session.delete(entity)
    flush_deletions(service)


def _dependents(model: type[Any]) -> list[ORMOption]:
    """Return what loads at once the relations that the mapper would load row by row."""
    return [
        selectinload(getattr(model, relation.key))
        for relation in class_mapper(model).relationships
        if relation.uselist and not relation.viewonly and not relation.passive_deletes
    ]
