"""An INSERT that leaves a row alone which is there already."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Column, func, inspect, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Mapper, Session, lazyload

from holdfast.query.services import dialect_of

__all__ = ("insert_unless_there", "is_there", "with_first_version")

_MARIADB = frozenset({"mysql", "mariadb"})

# No table counts its keys as far as this.
_MARKS_FROM = 2**61


def with_first_version(model: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a new row with the version that the mapper gives it, if it does."""
    mapper: Mapper[Any] = inspect(model)
    version: Any = mapper.version_id_col
    generate: Any = mapper.version_id_generator
    if version is None or not callable(generate):
        return dict(values)
    return {**values, mapper.get_property_by_column(version).key: generate(None)}


def insert_unless_there(
    session: Session, model: type[Any], values: Mapping[str, Any], target: Sequence[Column[Any]]
) -> Any | None:
    """Insert a row and return it, or None where there is one already.

    A row that is there stays as it is. On SQLite and MariaDB it is locked until the transaction
    ends. It is the one with the same key, or on MariaDB one with another unique value of the row.

    Args:
        session: The session whose transaction it happens in.
        model: The mapped class.
        values: The values by attribute name.
        target: The columns of the unique constraint that tells that it is there.
    """
    session.flush()
    given = with_first_version(model, values)
    dialect = dialect_of(session, model)
    if dialect in _MARIADB:
        return _on_mariadb(session, model, given, target)
    make: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement: Any = make(model).values(given).on_conflict_do_nothing(index_elements=list(target))
    found = session.scalars(
        statement.returning(model), execution_options={"populate_existing": True}
    )
    return found.one_or_none()


def _on_mariadb(
    session: Session, model: type[Any], values: Mapping[str, Any], target: Sequence[Column[Any]]
) -> Any | None:
    """Insert with ON DUPLICATE KEY UPDATE, which takes the lock that a change of the row needs.

    After an INSERT that failed, transactions share a lock, and each waits for the others where all
    want to change the row. The number of affected rows is no answer, as drivers count the rows that
    were found; but only the update leaves its mark where the driver looks for a generated key.
    """
    mark = secrets.randbelow(_MARKS_FROM) + _MARKS_FROM
    column = target[0]
    unchanged = func.if_(func.last_insert_id(mark), column, column)
    statement = mysql.insert(model).values(values).on_duplicate_key_update({column.name: unchanged})
    if cast("Any", session.execute(statement)).lastrowid == mark:
        return None
    read = select(model).where(*_criteria(model, values, target)).options(lazyload("*"))
    return session.scalars(read, execution_options={"populate_existing": True}).one()


def is_there(
    session: Session, model: type[Any], values: Mapping[str, Any], target: Sequence[Column[Any]]
) -> bool:
    """Tell whether a row with the values of these columns is there, in the scope or not.

    It locks, because on MariaDB a transaction that has read before sees new rows only so.
    """
    statement = select(*target).where(*_criteria(model, values, target))
    return session.execute(statement.with_for_update(read=True, key_share=True)).first() is not None


def _criteria(
    model: type[Any], values: Mapping[str, Any], target: Sequence[Column[Any]]
) -> list[Any]:
    mapper: Mapper[Any] = inspect(model)
    return [column == values[mapper.get_property_by_column(column).key] for column in target]
