"""Changing one row."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState, Mapper, class_mapper, object_mapper
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.visitors import iterate

from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.changes import given, refuse_nulls, scoped, storable
from holdfast.query.committed import PLAIN, Reload, as_committed, changed_attributes
from holdfast.query.create import verify_in_scope
from holdfast.query.lookup import find
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import flush, model_of, overrides, session_of
from holdfast.query.targets import check_targets, references_of
from holdfast.query.waiting import finished

__all__ = ("apply_changes", "change_row", "update_row")


def update_row(  # noqa: PLR0913 - all after the data by name
    service: Any,
    key: Any,
    data: Any,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> Any:
    """Change what was sent of one row, and nothing else.

    A SELECT that locks the row, and an UPDATE; none where nothing differs. What has to be read
    besides is as for a new row.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        data: What the client has sent: a schema's instance, or a dictionary. What is absent stays,
            None is NULL.
        scope: The rows that the request may touch; the row cannot be moved out of it.
        precondition: What the request requires of the row's version.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Returns:
        The row as it is committed.

    Raises:
        ProblemError: 404 for a row outside the scope, 412 where the condition does not hold, 422
            and 409 as for a new row.
    """
    session, model = session_of(service), model_of(service)
    entity = find(session, model, key, scope, key_attributes=key_attributes, lock="update")
    precondition.check(entity)
    return change_row(service, entity, given(data), scope=scope, reload=reload)


def change_row(
    service: Any,
    entity: Any,
    values: Mapping[str, Any],
    *,
    scope: RowScope = EVERY_ROW,
    reload: Reload = PLAIN,
) -> Any:
    """Change a row that was found and locked; see `update_row`.

    Args:
        service: An Advanced Alchemy service, async or sync.
        entity: The row.
        values: What was sent, by attribute.
        scope: The rows that the request may touch.
        reload: What the answer shows.
    """
    session, model = session_of(service), model_of(service)
    values = scoped(model, values, scope, new=False)
    if not overrides(service, "update", "to_model", "to_model_on_update"):
        refuse_nulls(model, values)
        values = storable(model, values)
    state: InstanceState[Any] = inspect(entity)
    _load_references(entity, values)
    unchanged = {key for key in state.dict if key not in values or values[key] == state.dict[key]}
    check_targets(session, model, {**state.dict, **values}, scope, exempt=unchanged)
    changed = apply_changes(service, entity, values)
    if changed is None or _touches(scope, model, changed):
        verify_in_scope(session, entity, scope)
    return as_committed(session, entity, reload, changed)


def _load_references(entity: Any, values: Mapping[str, Any]) -> None:
    """Have all parts of a foreign key at hand of which one is changed."""
    for reference in references_of(object_mapper(entity).class_):
        if not values.keys().isdisjoint(reference.fields):
            for name in reference.fields:
                getattr(entity, name)


def apply_changes(service: Any, entity: Any, values: Mapping[str, Any]) -> set[str] | None:
    """Set attributes of a row and flush them, by the service's own ``update`` where it has one.

    Args:
        service: An Advanced Alchemy service, async or sync.
        entity: The row.
        values: What was sent, by attribute.

    Returns:
        The attributes that were written, or None where only the service knows.
    """
    if overrides(service, "update", "to_model") or overrides(service.repository, "update", "get"):
        finished(_by_service(service, entity, values))
        return None
    if overrides(service, "to_model_on_update"):
        values = _by_hook(service, values)
    mapper = object_mapper(entity)
    for name, value in values.items():
        if name in mapper.attrs and not _is_unchanged(entity, mapper, name, value):
            setattr(entity, name, value)
    changed = changed_attributes(entity)
    flush(service)
    return changed


def _by_service(service: Any, entity: Any, values: Mapping[str, Any]) -> Any:
    identity = inspect(entity).identity
    options: dict[str, Any] = {}
    if len(identity) == 1:
        (attribute,) = primary_key_of(object_mapper(entity).class_)
        if attribute.key != service.repository.id_attribute:
            options["id_attribute"] = attribute.key
    return service.update(
        dict(values),
        item_id=identity[0] if len(identity) == 1 else tuple(identity),
        auto_commit=False,
        auto_expunge=False,
        auto_refresh=False,
        **options,
    )


def _by_hook(service: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the service's hook makes of the values, in whichever form it gives them."""
    made = finished(service.to_model_on_update(dict(values)))
    if isinstance(made, model_of(service)):
        return dict(inspect(made).dict)
    return storable(model_of(service), given(made))


def _is_unchanged(entity: Any, mapper: Mapper[Any], name: str, value: Any) -> bool:
    """Tell whether a column has that value: the database's own way to write it stays."""
    loaded = inspect(entity).dict
    if name not in loaded or name not in mapper.column_attrs:
        return False
    known = loaded[name]
    if known is None or value is None:
        return known is value
    return bool(mapper.column_attrs[name].columns[0].type.compare_values(known, value))


def _touches(scope: RowScope, model: type[Any], changed: set[str]) -> bool:
    """Tell whether a criterion of the scope may be about a column that was changed."""
    criterion = scope.scope_criterion(model)
    if criterion is None or not changed:
        return False
    attributes = class_mapper(model).column_attrs
    columns = {c.key for name in changed & {*attributes.keys()} for c in attributes[name].columns}
    return any(
        isinstance(element, TextClause) or getattr(element, "key", None) in columns
        for element in iterate(criterion)
    )
