"""The row as it is committed, where what was written may not be what the database keeps."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, inspect, select
from sqlalchemy.orm import InstanceState, Session, class_mapper, object_mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.query.attributes import primary_key_of
from holdfast.query.fidelity import keeps
from holdfast.query.lookup import key_criteria

__all__ = (
    "PLAIN",
    "Reload",
    "as_committed",
    "changed_attributes",
    "note_nulls",
    "sent_attributes",
)


def _is_loaded(entity: Any) -> bool:
    state: InstanceState[Any] = inspect(entity)
    return not any(key in state.unloaded for key in state.mapper.column_attrs.keys())  # noqa: SIM118 - no dict


@dataclass(frozen=True, slots=True)
class Reload:
    """What an answer shows of a row that was written, and how it is read again.

    Attributes:
        options: Loader options for reading it, those of the scope included.
        is_complete: Whether all that the answer shows is loaded in a row.
        shown: The attributes whose values it shows; None for every column.
    """

    options: Sequence[ORMOption] = ()
    is_complete: Callable[[Any], bool] = _is_loaded
    shown: frozenset[str] | None = None


PLAIN = Reload()
"""Every column, and nothing else."""


def as_committed(
    session: Session, entity: Any, reload: Reload, written: Collection[str] | None
) -> Any:
    """Return a row that was flushed with the values that the database keeps.

    It is read again, with one statement for the row, where the answer shows something that is not
    loaded, or a written value that the column may give back otherwise: rounded, padded, in another
    time zone.

    Args:
        session: The session that wrote it.
        entity: The row.
        reload: What the answer shows.
        written: The attributes whose values Python gave; None where nobody knows.
    """
    if reload.is_complete(entity) and _is_kept(session, entity, reload, written):
        return entity
    model = object_mapper(entity).class_
    attributes = primary_key_of(model)
    statement = (
        select(model)
        .where(*key_criteria(attributes, inspect(entity).identity))
        .options(*reload.options)
    )
    found = session.scalars(statement, execution_options={"populate_existing": True})
    return found.unique().one()


def _is_kept(
    session: Session, entity: Any, reload: Reload, written: Collection[str] | None
) -> bool:
    state: InstanceState[Any] = inspect(entity)
    dialect = session.get_bind(state.mapper).dialect
    for attribute in state.mapper.column_attrs:
        key = attribute.key
        is_version = attribute.columns[0] is state.mapper.version_id_col  # an entity tag shows it
        is_shown = reload.shown is None or key in reload.shown
        is_written = written is None or key in written
        if key not in state.dict or not (is_version or (is_shown and is_written)):
            continue
        if not keeps(attribute.columns[0].type, state.dict[key], dialect):
            return False
    return True


def note_nulls(entity: Any) -> None:
    """Let a row that was inserted know that the columns nobody set are NULL.

    The mapper sends NULL for them, but would read them again when they are asked for.
    """
    state: InstanceState[Any] = inspect(entity)
    unknown = state.unloaded - state.expired_attributes
    for attribute in state.mapper.column_attrs:
        column = attribute.columns[0]  # an expression, where it is no column of a table
        if attribute.key in unknown and isinstance(column, Column) and _is_sent_as_null(column):
            set_committed_value(entity, attribute.key, None)


def _is_sent_as_null(column: Any) -> bool:
    has_default = column.default is not None or column.server_default is not None
    return not (has_default or column.primary_key or column.type.should_evaluate_none)


def sent_attributes(model: type[Any], values: Collection[str]) -> set[str]:
    """Return the attributes of a new row whose values Python gives, not the database.

    Args:
        model: The mapped class.
        values: The attributes that are written.
    """
    return {
        attribute.key
        for attribute in class_mapper(model).column_attrs
        if attribute.key in values or _is_set_by_python(attribute.columns[0], "default")
    }


def changed_attributes(entity: Any) -> set[str]:
    """Return the attributes of a row whose values Python gives when it is flushed."""
    state: InstanceState[Any] = inspect(entity)
    changed = set(state.committed_state)
    if changed:
        changed |= {
            attribute.key
            for attribute in state.mapper.column_attrs
            if _is_set_by_python(attribute.columns[0], "onupdate")
        }
    return changed


def _is_set_by_python(column: Any, when: str) -> bool:
    default = getattr(column, when, None)
    return default is not None and not (default.is_clause_element or default.is_sequence)
