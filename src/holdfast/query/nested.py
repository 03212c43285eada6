"""Creating, changing and replacing a row together with the rows of its relations."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import inspect

from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.changes import given, given_for_new, sent_or_free
from holdfast.query.committed import PLAIN, Reload, as_committed
from holdfast.query.create import create_row
from holdfast.query.lookup import find, find_or_none
from holdfast.query.nested_writer import NestedWriter, Owner
from holdfast.query.nesting import Nested
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.replacement import replacement
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import model_of, session_of
from holdfast.query.update import change_row
from holdfast.query.upsert import Upserted, upsert_row

__all__ = ("create_nested", "update_nested", "upsert_nested")


def create_nested(
    service: Any,
    data: Any,
    nested: Nested,
    *,
    scope: RowScope = EVERY_ROW,
    reload: Reload = PLAIN,
) -> Any:
    """Create a row by a service's ``create``, and the rows of its relations.

    One INSERT for each class of rows, beside what is read of the scope. The service gets what is
    the row's own; of the relations the mapping alone knows.

    Args:
        service: An Advanced Alchemy service, async or sync.
        data: What the client has sent: a schema's instance, or a dictionary.
        nested: The relations that may be written.
        scope: The rows that the request may touch; what it fixes is set in each.
        reload: What the answer shows.

    Returns:
        The row as it is committed.

    Raises:
        ProblemError: As for a row of its own, with the fields named from the top of the body.
    """
    model = model_of(service)
    sent = given_for_new(model, data, scope)
    writer = NestedWriter(service, nested, scope)
    entity = create_row(service, writer.own_values(model, sent, None), scope=scope)
    writer.write_children(model, [Owner(entity, sent, is_new=True)])
    return _read(service, entity, nested, reload)


def update_nested(  # noqa: PLR0913 - all after the relations by name
    service: Any,
    key: Any,
    data: Any,
    nested: Nested,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> Any:
    """Change what was sent of a row, and make its relations what was sent for them.

    A list is the whole list: an item with the key of a child changes it, one without is a new
    child, and a child that is left out is deleted, marked as deleted, or let go. Children outside
    the scope are not there. What is known of the row's own version says nothing of its children.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        data: What the client has sent. What is absent stays.
        nested: The relations that may be written.
        scope: The rows that the request may touch.
        precondition: What the request requires of the row's version.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Returns:
        The row as it is committed.

    Raises:
        ProblemError: As for a row of its own, and 422 for a key that none of the children has.
    """
    session, model = session_of(service), model_of(service)
    sent = given(data)
    entity = find(session, model, key, scope, key_attributes=key_attributes, lock="update")
    precondition.check(entity)
    writer = NestedWriter(service, nested, scope)
    values = writer.own_values(model, sent, entity)
    changed = change_row(service, entity, values, scope=scope)
    writer.write_children(model, [Owner(changed, sent)])
    return _read(service, changed, nested, reload)


def upsert_nested(  # noqa: PLR0913 - all after the relations by name
    service: Any,
    key: Any,
    data: Any,
    nested: Nested,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> Upserted:
    """Replace a row or create it, as `upsert_row` does, and its relations.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        data: What the client has sent, which is all of the row and of its children.
        nested: The relations that may be written.
        scope: The rows that the request may touch.
        precondition: What the request requires.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Raises:
        ProblemError: As for `upsert_row` and `update_nested`.
    """
    session, model = session_of(service), model_of(service)
    attributes = tuple(key_attributes) or primary_key_of(model)
    sent = sent_or_free(data, replacement(model, data), scope.values(model))
    writer = NestedWriter(service, nested, scope, is_whole=True)
    entity = None
    if any(not nesting.is_owner and nesting.name in sent for nesting in nested.of(model)):
        # What it refers to now is changed, if it is there.
        entity = find_or_none(session, model, key, scope, key_attributes=attributes, lock="update")
    values = writer.own_values(model, sent, entity)
    upserted = upsert_row(
        service,
        key,
        values,
        scope=scope,
        precondition=precondition,
        key_attributes=attributes,
    )
    writer.write_children(model, [Owner(upserted.entity, sent, is_new=upserted.created)])
    return Upserted(_read(service, upserted.entity, nested, reload), upserted.created)


def _read(service: Any, entity: Any, nested: Nested, reload: Reload) -> Any:
    session = session_of(service)
    loaded: Mapping[str, Any] = inspect(entity).dict
    stale = [name for name in nested.names(model_of(service)) if name in loaded]
    if stale:
        session.expire(entity, stale)
    return as_committed(session, entity, reload, ())
