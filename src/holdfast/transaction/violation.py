"""Which fields a broken constraint is about, as far as the database tells."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import (
    CheckConstraint,
    Column,
    Delete,
    ForeignKeyConstraint,
    Index,
    Table,
)
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.orm import Mapper, Session, object_mapper
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.visitors import iterate

__all__ = ("Statement", "Violation", "reported_by", "statement_of", "violation_of")

# The key of PostgreSQL's DETAIL, whatever the language of the words around it.
_PG_KEY = re.compile(r"\((.+?)\)=\(", re.DOTALL)
_SQLITE_COLUMNS = re.compile(r"constraint failed: ((?:\w+\.\w+(?:, )?)+)$")
_SQLITE_NAME = re.compile(r"constraint failed: (?:index ')?(.+?)'?$")
_MYSQL_KEY = re.compile(r"for key '(?:[^']*?\.)?([^'.]+)'")
_MYSQL_FOREIGN_KEY = re.compile(r"FOREIGN KEY \((.+?)\) REFERENCES")
_MYSQL_COLUMN = re.compile(r"(?:[Cc]olumn|Field) '(?:[^']*[.`])?([^'`]+)`?'")
_MYSQL_CHECK = re.compile(r"(?:CONSTRAINT|[Cc]heck constraint) [`'](?:[^`']*\.)?([^`']+)[`']")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement that met an error, as far as it is needed to name fields.

    Attributes:
        table: The table it changes.
        removes: Whether it is a DELETE.
        names: Attribute names by column name, where a mapper gives others than the columns have.
    """

    table: Table | None = None
    removes: bool = False
    names: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Violation:
    """What is known of a broken constraint.

    Attributes:
        fields: The fields it is about; empty where the database does not say.
        candidates: The fields of each constraint that it may have been, where only those are known.
        referenced: Whether another record still refers to the one being changed.
    """

    fields: tuple[str, ...] = ()
    candidates: tuple[tuple[str, ...], ...] = ()
    referenced: bool = False


def violation_of(original: BaseException, statement: Statement) -> Violation:
    """Return what a driver's error tells of the constraint that was broken.

    Args:
        original: The driver's own exception.
        statement: The statement that met it.
    """
    if original.args and isinstance(original.args[0], int):
        # First: some of MySQL's drivers give an sqlstate beside the number.
        violation = _of_mysql(original, statement)
    elif getattr(original, "sqlite_errorname", None) is not None:
        violation = _of_sqlite(original, statement)
    else:
        violation = _of_postgresql(original, statement)
    return _named(violation, statement.names)


def reported_by(error: BaseException) -> str | None:
    """Return the name of the function of PostgreSQL that reported an error, where it is told.

    Args:
        error: SQLAlchemy's error, or the driver's own.
    """
    report = _report_of(getattr(error, "orig", None) or error)
    for attribute in ("source_function", "server_source_function"):
        function = getattr(report, attribute, None)
        if isinstance(function, str):
            return function
    return None


def _report_of(original: BaseException) -> Any:
    # psycopg keeps the server's fields on `diag`, asyncpg on the exception that is adapted.
    return getattr(original, "diag", None) or original.__cause__


def _named(violation: Violation, names: Mapping[str, str]) -> Violation:
    def named(columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(names.get(column, column) for column in columns)

    return Violation(
        named(violation.fields), tuple(map(named, violation.candidates)), violation.referenced
    )


def _of_postgresql(original: BaseException, statement: Statement) -> Violation:
    report = _report_of(original)
    column = getattr(report, "column_name", None)
    if column:
        return Violation((column,))
    table = _table(statement, getattr(report, "table_name", None))
    if table is not None and statement.table is not None and table is not statement.table:
        return Violation(referenced=True)
    if statement.removes:
        return Violation(referenced=True)
    columns = _of_constraint(table, getattr(report, "constraint_name", None))
    if not columns:
        detail = getattr(report, "message_detail", None) or getattr(report, "detail", None)
        key = _PG_KEY.search(detail or "")
        columns = _known(key.group(1), table) if key is not None else ()
    return Violation(columns)


def _of_sqlite(original: BaseException, statement: Statement) -> Violation:
    message = str(original)
    if getattr(original, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return _foreign_keys(statement)
    listed = _SQLITE_COLUMNS.search(message)
    if listed is not None:
        return Violation(tuple(item.split(".")[1] for item in listed.group(1).split(", ")))
    name = _SQLITE_NAME.search(message)
    if name is None:
        return Violation()
    # An unnamed check is reported by its expression.
    return Violation(
        _of_constraint(statement.table, name.group(1)) or _known(name.group(1), statement.table)
    )


def _foreign_keys(statement: Statement) -> Violation:
    """Return what a statement alone tells, where the database does not name the constraint."""
    table = statement.table
    if statement.removes or table is None:
        return Violation(referenced=statement.removes)
    keys = sorted(tuple(key.column_keys) for key in table.foreign_key_constraints)
    if len(keys) == 1:
        return Violation(keys[0])
    return Violation(candidates=tuple(keys), referenced=not keys)


def _of_mysql(original: BaseException, statement: Statement) -> Violation:
    message = str(original.args[1]) if len(original.args) > 1 else ""
    if original.args and original.args[0] in {1451, 1217}:
        return Violation(referenced=True)
    foreign_key = _MYSQL_FOREIGN_KEY.search(message)
    if foreign_key is not None:
        return Violation(tuple(_WORD.findall(foreign_key.group(1))))
    for pattern in (_MYSQL_KEY, _MYSQL_CHECK):
        name = pattern.search(message)
        if name is not None:
            return Violation(_of_constraint(statement.table, name.group(1)))
    column = _MYSQL_COLUMN.search(message)
    return Violation((column.group(1),) if column is not None else ())


def _table(statement: Statement, name: str | None) -> Table | None:
    table = statement.table
    if table is None or name is None or table.name == name:
        return table
    return next((other for other in table.metadata.tables.values() if other.name == name), None)


def _of_constraint(table: Table | None, name: str | None) -> tuple[str, ...]:
    if table is None or not name:
        return ()
    if name == "PRIMARY":
        return tuple(column.name for column in table.primary_key)
    schema_items: Sequence[Any] = (*table.constraints, *table.indexes)
    for item in schema_items:
        if item.name == name:
            return _columns_of(item, table)
    # MariaDB names what has no name after its column, PostgreSQL after table and column.
    named = (name, name.removeprefix(f"{table.name}_").removesuffix("_check"))
    return next(((column,) for column in named if column in table.columns), ())


def _columns_of(item: Any, table: Table) -> tuple[str, ...]:
    if isinstance(item, CheckConstraint):
        return _of_expression(item.sqltext, table)
    if isinstance(item, Index):
        found = (_of_expression(expression, table) for expression in item.expressions)
        return tuple(dict.fromkeys(column for columns in found for column in columns))
    if isinstance(item, ForeignKeyConstraint | ColumnCollectionConstraint):
        return tuple(column.name for column in item.columns)
    return ()


def _of_expression(expression: Any, table: Table) -> tuple[str, ...]:
    found: list[str] = []
    for element in iterate(expression):
        if isinstance(element, Column):
            found.append(element.name)
        elif isinstance(element, TextClause):
            found += _known(element.text, table)
    return tuple(dict.fromkeys(found))


def _known(text: str, table: Table | None) -> tuple[str, ...]:
    """Return the words of a text that are columns; of an unknown table, those of a plain list."""
    words = dict.fromkeys(_WORD.findall(text))
    if table is None:
        return tuple(words) if re.fullmatch(r"\w+(, \w+)*", text) else ()
    return tuple(word for word in words if word in {column.name for column in table.columns})


def statement_of(context: ExecutionContext | None, session: Session) -> Statement:
    """Return what naming fields needs of a statement, while it is at hand.

    Args:
        context: The execution that met an error.
        session: The session it runs for, whose pending objects know their attributes' names.
    """
    dml = getattr(getattr(context, "compiled", None), "statement", None)
    table = getattr(dml, "table", None)
    if not isinstance(table, Table):
        return Statement()
    changed = cast("Table", table)
    return Statement(changed, isinstance(dml, Delete), _attribute_names(changed, session))


def _attribute_names(table: Table, session: Session) -> dict[str, str]:
    for item in (*session.new, *session.dirty, *session.deleted):
        mapper: Mapper[Any] = object_mapper(item)
        if table in mapper.tables:
            return {
                column.name: mapper.get_property_by_column(column).key
                for column in table.columns
                if column in mapper.columns.values()
            }
    return {}
