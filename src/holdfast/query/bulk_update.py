"""Changing many rows: all of them, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from holdfast.query.all_or_nothing import Explain, all_or_nothing, duplicate_item
from holdfast.query.attributes import Attribute
from holdfast.query.bulk import all_found, changed_references, check_all_targets
from holdfast.query.changes import given, refuse_nulls, scoped, storable
from holdfast.query.committed import PLAIN, Reload
from holdfast.query.lookup import find
from holdfast.query.many import find_many, read_again, verify_all_in_scope
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import model_of, overrides, session_of
from holdfast.query.update import change_row
from holdfast.query.update_together import apply_together

__all__ = ("RowChange", "update_rows")


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change of a bulk request.

    Attributes:
        key: The row's key; a tuple where it has several parts.
        data: What the client has sent, as for a change of one row.
        precondition: What the request requires of the row's version.
    """

    key: Any
    data: Any
    precondition: Precondition = UNCONDITIONAL


def update_rows(  # noqa: PLR0913 - all after the changes by name
    service: Any,
    changes: Sequence[RowChange],
    *,
    explain: Explain,
    scope: RowScope = EVERY_ROW,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> list[Any]:
    """Change rows, each by what was sent for it.

    A SELECT that locks them all, an UPDATE for each set of fields and a SELECT, beside what is read
    of the scope. A service with an ``update`` or hook of its own is asked for each row.

    Args:
        service: An Advanced Alchemy service, async or sync.
        changes: What the client has sent; each about another row.
        explain: Tells what a database error means to the client.
        scope: The rows that the request may touch; none can be moved out of it.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Returns:
        The rows as they are committed, in the order of the changes.

    Raises:
        ProblemError: 4xx with the index of every change that failed.
    """
    session, model = session_of(service), model_of(service)
    seen: set[Any] = set()

    def one(index: int) -> None:
        change = changes[index]
        entity = find(
            session, model, change.key, scope, key_attributes=key_attributes, lock="update"
        )
        identity = inspect(entity).identity_key
        if identity in seen:
            raise duplicate_item()
        seen.add(identity)
        change.precondition.check(entity)
        change_row(service, entity, given(change.data), scope=scope)

    def together() -> list[Any]:
        keys = [change.key for change in changes]
        rows = all_found(
            find_many(session, model, keys, scope, key_attributes=key_attributes, lock="update")
        )
        for change, entity in zip(changes, rows, strict=True):
            change.precondition.check(entity)
        _change_all(service, session, rows, [given(change.data) for change in changes], scope)
        read_again(session, model, rows, reload.options)
        return rows

    return all_or_nothing(session, len(changes), together, one, explain)


def _change_all(
    service: Any,
    session: Session,
    rows: Sequence[Any],
    sent: Sequence[dict[str, Any]],
    scope: RowScope,
) -> None:
    model = model_of(service)
    own = overrides(service, "update", "to_model", "to_model_on_update")
    if own or overrides(service.repository, "update", "get"):
        for entity, values in zip(rows, sent, strict=True):
            change_row(service, entity, values, scope=scope)
        return
    changes = [storable(model, scoped(model, values, scope, new=False)) for values in sent]
    for values in changes:
        refuse_nulls(model, values)
    pointed = [changed_references(model, *both) for both in zip(rows, changes, strict=True)]
    check_all_targets(session, model, pointed, scope)
    apply_together(service, session, list(zip(rows, changes, strict=True)))
    verify_all_in_scope(session, model, rows, scope)
