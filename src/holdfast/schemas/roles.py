"""Who sets a column: clients, the database, SQLAlchemy, or nobody."""

from enum import Enum
from typing import Any

from advanced_alchemy.types import OneTimeCode, StoredObject, TOTPSecret
from sqlalchemy import Column, Sequence, Table
from sqlalchemy.orm import ColumnProperty, Mapper
from sqlalchemy.schema import DefaultClause

from holdfast.plan.secrets import is_secret_column, is_secret_type
from holdfast.query.scope import soft_delete_column

__all__ = ("Role", "role_of")

AUDIT = {"created_at", "updated_at"}
DELETION = {"deleted_at"}


class Role(Enum):
    """What a column is for, as far as it says who sets it. The value is the reason."""

    PLAIN = "set by clients"
    NATURAL_KEY = "a key, which is given once and identifies the row"
    EXPRESSION = "an SQL expression"
    HYBRID = "a property"
    KEY = "a key, which is made with the row"
    NUMBERED = "numbered by the database"
    COMPUTED = "computed by the database"
    TRIGGERED = "set by the database"
    VERSION = "the version, which counts the changes of the row"
    CLASS = "the name of the class, which SQLAlchemy sets"
    RENEWED = "set with every change of the row"
    AUDIT = "set with the row"
    DELETION = "the mark of a deleted row, which deleting sets"
    ISSUED = "a secret, which the server makes"
    DERIVED = "by its name a secret, which is not stored as it is sent"
    FILE = "a stored file, which an upload makes: a client must not name another"
    NO_ARGUMENT = "no argument of the class, so a new row cannot have it"

    @property
    def is_created(self) -> bool:
        """Whether a client gives it for a new row."""
        return self in {Role.PLAIN, Role.NATURAL_KEY}

    @property
    def is_updated(self) -> bool:
        """Whether a client changes it."""
        return self in {Role.PLAIN, Role.NO_ARGUMENT}

    @property
    def is_guessed(self) -> bool:
        """Whether its name alone says so, which may be a coincidence."""
        return self in {Role.AUDIT, Role.DELETION, Role.DERIVED}


def role_of(mapper: Mapper[Any], prop: ColumnProperty[Any]) -> Role:
    """Return what a mapped column is for."""
    columns = [column for column in prop.columns if isinstance(column, Column)]
    tables: list[Any] = [column.table for column in columns]
    if not tables or not all(isinstance(table, Table) for table in tables):
        return Role.EXPRESSION
    # Columns are compared as objects: `==` between them is SQL.
    if any(column is mapper.version_id_col for column in columns):
        return Role.VERSION
    is_one_of_several = mapper.polymorphic_identity is not None
    if is_one_of_several and any(column is mapper.polymorphic_on for column in columns):
        return Role.CLASS
    made = (role for column in columns for role, holds in _made(column).items() if holds)
    return next(made, _by_name(mapper, prop, columns))


def _made(column: Column[Any]) -> dict[Role, bool]:
    server: Any = column.server_default
    has_default = column.default is not None or server is not None
    numbers_itself = getattr(column.table, "autoincrement_column", None) is column
    return {
        Role.COMPUTED: column.computed is not None,
        Role.NUMBERED: column.identity is not None
        or isinstance(column.default, Sequence)
        or (column.primary_key and numbers_itself),
        Role.TRIGGERED: server is not None and not isinstance(server, DefaultClause),
        Role.RENEWED: column.onupdate is not None or column.server_onupdate is not None,
        Role.KEY: column.primary_key and has_default,
    }


def _by_name(mapper: Mapper[Any], prop: ColumnProperty[Any], columns: list[Column[Any]]) -> Role:
    column = columns[0]
    if any(c.primary_key for c in columns):
        return Role.NATURAL_KEY
    if isinstance(column.type, StoredObject):
        return Role.FILE
    if isinstance(column.type, TOTPSecret | OneTimeCode):
        return Role.ISSUED
    if is_secret_column(prop.key, column) and not is_secret_type(column.type):
        return Role.DERIVED
    has_default = column.default is not None or column.server_default is not None
    if prop.key in AUDIT and has_default:
        return Role.AUDIT
    marked = soft_delete_column(mapper.class_)
    is_mark = marked is not None and marked.key == prop.key
    return Role.DELETION if is_mark or (prop.key in DELETION and column.nullable) else Role.PLAIN
