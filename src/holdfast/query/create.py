"""Creating one row."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect, literal, select
from sqlalchemy.orm import Session, object_mapper

from holdfast.query.attributes import primary_key_of
from holdfast.query.changes import differing, given_for_new, refuse_nulls, scoped, storable
from holdfast.query.committed import PLAIN, Reload, as_committed, note_nulls, sent_attributes
from holdfast.query.lookup import key_criteria
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import model_of, overrides, session_of
from holdfast.query.targets import check_targets
from holdfast.query.waiting import finished
from holdfast.query.write_problems import outside_scope

__all__ = ("create_row", "new_values", "verify_in_scope")


def create_row(
    service: Any, data: Any, *, scope: RowScope = EVERY_ROW, reload: Reload = PLAIN
) -> Any:
    """Create a row by a service's ``create``, its own hooks included.

    One INSERT, and what has to be read besides: the targets of foreign keys that the scope is
    about, the row where it is not known to be in the scope, or is not known as it is committed.

    Args:
        service: An Advanced Alchemy service, async or sync.
        data: What the client has sent: a schema's instance, or a dictionary.
        scope: The rows that the request may touch; what it fixes is set.
        reload: What the answer shows.

    Returns:
        The row as it is committed.

    Raises:
        ProblemError: 422 for a value that the scope or the column does not take, 409 for a foreign
            key that leads to no row of the scope.
    """
    session, model = session_of(service), model_of(service)
    values = new_values(service, given_for_new(model, data, scope), scope)
    check_targets(session, model, values, scope)
    entity = finished(
        service.create(values, auto_commit=False, auto_expunge=False, auto_refresh=False)
    )
    note_nulls(entity)
    verify_in_scope(session, entity, scope)
    hooked = overrides(service, "create", "to_model", "to_model_on_create")
    return as_committed(session, entity, reload, None if hooked else sent_attributes(model, values))


def new_values(service: Any, values: Mapping[str, Any], scope: RowScope) -> dict[str, Any]:
    """Return the values of a new row: what was sent, and what the scope fixes.

    Raises:
        ProblemError: 422, naming fields that differ from what the scope fixes, or are null and must
            not be.
    """
    model = model_of(service)
    complete = scoped(model, values, scope, new=True)
    if overrides(service, "create", "to_model", "to_model_on_create"):
        return complete  # what a hook makes of it, the database judges
    refuse_nulls(model, complete)
    return storable(model, complete)


def verify_in_scope(session: Session, entity: Any, scope: RowScope) -> None:
    """Refuse a row that was flushed and lies outside the scope.

    No statement where the scope is of values alone, which are compared here.

    Raises:
        ProblemError: 422.
    """
    model = object_mapper(entity).class_
    differs = differing(entity, scope.values(model))
    if differs:
        raise outside_scope(differs)
    criterion = scope.scope_criterion(model)
    if criterion is None or scope.is_fixed_by_values(model):
        return
    key = key_criteria(primary_key_of(model), inspect(entity).identity)
    if session.scalar(select(literal(1)).select_from(model).where(*key, criterion)) is None:
        raise outside_scope()
