"""PostgreSQL's upsert in one statement, and where it does the same as a service's methods."""

import inspect as signatures
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Boolean, Column, inspect, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapper, Session

from holdfast.query.insert_or_find import with_first_version
from holdfast.query.scope import RowScope
from holdfast.query.services import model_of, overrides, session_of

__all__ = ("insert_or_update", "is_plain", "touched")

_SERVICE = ("create", "update", "to_model", "to_model_on_create", "to_model_on_update")
_REPOSITORY = ("add", "update", "get")
_MAPPER_EVENTS = ("before_insert", "after_insert", "before_update", "after_update")
_SESSION_EVENTS = (
    "before_attach",
    "after_attach",
    "before_flush",
    "after_flush",
    "after_flush_postexec",
    "transient_to_pending",
    "pending_to_persistent",
)
# Their listeners are about what is not done here, or done below.
_KNOWN_LISTENERS = ("advanced_alchemy.", "holdfast.")


def is_plain(service: Any, values: Mapping[str, Any]) -> bool:
    """Tell whether INSERT and UPDATE alone do all that creating and changing a row does.

    Not so where a service or repository has methods of its own, where a listener, a validator or a
    constructor wants to see the instance, or where a row lies in several tables.

    Args:
        service: An Advanced Alchemy service, async or sync.
        values: What is written, by attribute.
    """
    if overrides(service, *_SERVICE) or overrides(service.repository, *_REPOSITORY):
        return False
    if getattr(service.repository, "_cache_manager", None) is not None:
        return False
    mapper: Mapper[Any] = inspect(model_of(service))
    return (
        _is_one_table(mapper)
        and _has_plain_columns(mapper)
        and _has_plain_attributes(mapper, values)
        and not any(_listeners(mapper.dispatch, _MAPPER_EVENTS))
        and all(map(_is_known, _listeners(session_of(service).dispatch, _SESSION_EVENTS)))
    )


def _is_one_table(mapper: Mapper[Any]) -> bool:
    table: Any = mapper.local_table
    return (
        mapper.inherits is None
        and mapper.polymorphic_on is None
        and len(mapper.tables) == 1
        # What a partition holds does not say which transaction made it.
        and table.dialect_options["postgresql"]["partition_by"] is None
    )


def _has_plain_columns(mapper: Mapper[Any]) -> bool:
    generate = mapper.version_id_generator
    counts = generate is False or getattr(generate, "__module__", "") == "sqlalchemy.orm.mapper"
    table: Any = mapper.local_table
    return (
        (mapper.version_id_col is None or counts)
        and all(_is_free_of_context(column.onupdate) for column in table.columns)
        # Files are stored by a listener that sees the instance.
        and not any(type(column.type).__name__ == "StoredObject" for column in table.columns)
    )


def _is_free_of_context(default: Any) -> bool:
    if default is None or not default.is_callable:
        return True
    original = getattr(default.arg, "__wrapped__", None)
    try:
        return original is not None and not signatures.signature(original).parameters
    except (TypeError, ValueError):
        return False


def _has_plain_attributes(mapper: Mapper[Any], values: Mapping[str, Any]) -> bool:
    constructor = cast("Any", mapper.class_manager).original_init
    if constructor is not cast("Any", mapper.registry).constructor:
        return False
    return all(
        name in mapper.column_attrs
        and name not in mapper.validators
        and not any(_listeners(getattr(mapper.class_, name).dispatch, ("set",)))
        for name in values
    )


def _listeners(dispatch: Any, events: Sequence[str]) -> Iterator[Callable[..., Any]]:
    return (listener for event in events for listener in getattr(dispatch, event))


def _is_known(listener: Callable[..., Any]) -> bool:
    return str(getattr(listener, "__module__", "")).startswith(_KNOWN_LISTENERS)


def insert_or_update(
    session: Session,
    model: type[Any],
    values: Mapping[str, Any],
    target: Sequence[Column[Any]],
    scope: RowScope,
) -> tuple[Any, bool] | None:
    """Insert a row, or change the one that is there if the scope shows it.

    Args:
        session: A session on PostgreSQL.
        model: The mapped class, which `is_plain`.
        values: What is written, by attribute. What the scope fixes is among it.
        target: The columns of the unique constraint that a conflict is about.
        scope: The rows that may be changed.

    Returns:
        The row, and whether it is new; None where one is there that the scope does not show.
    """
    session.flush()
    mapper: Mapper[Any] = inspect(model)
    statement = insert(model).values(with_first_version(model, values))
    kept = {*target, *mapper.primary_key, *(mapper.columns[n] for n in scope.values(model))}
    written: list[Any] = [mapper.columns[name] for name in values]
    changes: dict[Any, Any] = {
        column: statement.excluded[column.key] for column in written if column not in kept
    }
    changes |= _maintained(session, mapper, values)
    statement = statement.on_conflict_do_update(
        index_elements=list(target),
        # Where nothing else changes, the row has to be returned all the same.
        set_=changes or {target[0]: statement.excluded[target[0].key]},
        where=scope.criterion(model),
    )
    # A row that was changed has been locked by the transaction that did so, this one.
    is_new = literal_column("(xmax = 0)", Boolean())
    found: Any = session.execute(
        statement.returning(model, is_new), execution_options={"populate_existing": True}
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def _maintained(session: Session, mapper: Mapper[Any], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Return what a change of a row sets besides: ``onupdate``, the time and the version."""
    table: Any = mapper.local_table
    written = {mapper.columns[name] for name in values}
    touches = touched(session, mapper)
    changes: dict[Any, Any] = {table.columns[key]: value for key, value in touches.items()}
    for column in table.columns:
        if column.onupdate is not None:
            argument = column.onupdate.arg
            changes[column] = argument(None) if column.onupdate.is_callable else argument
    version: Any = mapper.version_id_col
    if version is not None and callable(mapper.version_id_generator):
        changes[version] = version + 1
    return {column: value for column, value in changes.items() if column not in written}


def touched(session: Session, mapper: Mapper[Any]) -> dict[str, datetime]:
    """Return what Advanced Alchemy's listener would set in a changed row, by its column's key."""
    listeners = _listeners(session.dispatch, ("before_flush",))
    names = {getattr(listener, "__name__", "") for listener in listeners}
    if "touch_updated_timestamp" not in names or "updated_at" not in mapper.column_attrs:
        return {}
    column: Any = mapper.columns["updated_at"]
    return {column.key: datetime.now(UTC)}
