"""Keyset pagination: the rows after or before the sort keys of one row."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from advanced_alchemy.types import GUID, DateTimeUTC
from sqlalchemy import ColumnElement, and_, false, or_, true, tuple_
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.types import (
    BINARY,
    VARBINARY,
    Enum,
    LargeBinary,
    String,
    TypeDecorator,
    TypeEngine,
)

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Path, primary_key_of
from holdfast.query.cursor import Cursor
from holdfast.query.sort_keys import SortKey, sort_key
from holdfast.query.stored_values import StoredKey, stored_key, stored_type

__all__ = ("LONGEST_KEY", "check_cursor_order", "seek")

LONGEST_KEY = 255
"""How long a text may be that a cursor holds.

MariaDB sorts by the first 1024 bytes of a text alone, and a cursor has to fit into a URL.
"""

CURSOR_KEY = "holdfast.cursor_key"
"""Marks a column, in its ``info``, whose stored form clients may see in a cursor."""

# SQLite gives back every value as it is stored.
_DIALECTS: tuple[Dialect, ...] = (cast("Any", PGDialect)(), MariaDBDialect())

# What they show clients is another form of what is stored, and no secret beside it.
_PLAIN_DECORATORS = (GUID, DateTimeUTC)
_PROCESSING = (
    "process_bind_param",
    "process_result_value",
    "bind_processor",
    "result_processor",
    "bind_expression",
    "column_expression",
)


def seek(keys: Sequence[StoredKey], cursor: Cursor, dialect: str) -> ColumnElement[bool]:
    """Return what a row has to fulfil to be on a cursor's side of its place.

    Args:
        keys: The keys of the list's order, on its engine.
        cursor: The place.
        dialect: The name of the engine's dialect.
    """
    if dialect in {"postgresql", "sqlite"} and _is_one_way(keys):
        # One comparison of rows, which an index answers at once.
        own = tuple_(*(key.compared for key in keys))
        given = tuple_(*(key.bound(v) for key, v in zip(keys, cursor.values, strict=True)))
        downwards = keys[0].descending is not cursor.side.backwards
        if cursor.side.inclusive:
            return own <= given if downwards else own >= given
        return own < given if downwards else own > given
    backwards = cursor.side.backwards
    *outer, (last, value) = zip(keys, cursor.values, strict=True)
    found = _beyond(last, value, backwards=backwards)
    if cursor.side.inclusive:
        found = or_(found, _same(last, value))
    for key, value in reversed(outer):
        found = or_(_beyond(key, value, backwards=backwards), and_(_same(key, value), found))
    return and_(_bound(keys[0], cursor), found)


def check_cursor_order(model: type[Any], keys: Sequence[SortKey], shown: Collection[str]) -> None:
    """Check that cursors can hold the sort keys of a list, and tell clients nothing by that.

    Args:
        model: The mapped class whose rows are listed.
        keys: What `declared_sort` returned.
        shown: The names of the attributes that the read schema shows as they are; with a dot,
            those of relations.

    Raises:
        ConfigurationError: A key, or one of the primary key, is hidden, or is of a type whose
            values a cursor cannot hold on every engine.
    """
    ties = [sort_key(Path((), attribute), {}) for attribute in primary_key_of(model)]
    named = {key.name for key in keys}
    for key in (*keys, *(tie for tie in ties if tie.name not in named)):
        if key.name not in shown:
            raise ConfigurationError(
                f"A cursor holds {key.name}, which the read schema does not show. "
                "Add it to the schema, leave it out of `sort`, or use `pagination='offset'`."
            )
        _check_type(key)


def _check_type(key: SortKey) -> None:
    column = key.path.column
    instead = "Leave it out of `sort`, or use `pagination='offset'`."
    if any(stored_key(key, dialect) is None for dialect in _DIALECTS):
        raise ConfigurationError(
            f"A cursor cannot hold {column}, whose type is {key.type!r}. {instead}"
        )
    if _hides(key.type) and not _info(column).get(CURSOR_KEY):
        raise ConfigurationError(
            f"A cursor would hold {column} as it is stored, of which {key.type!r} shows clients "
            f"another form. {instead} If they may see what is stored, say so: "
            f"`mapped_column(..., info={{{CURSOR_KEY!r}: True}})`."
        )
    for dialect in _DIALECTS:
        type_: Any = stored_type(key.type, dialect)
        is_text = isinstance(type_, String | LargeBinary | BINARY | VARBINARY)
        if is_text and not isinstance(type_, Enum) and not 0 < (type_.length or 0) <= LONGEST_KEY:
            raise ConfigurationError(
                f"A value of {column} may be too long for a cursor. Give its type a length of at "
                f"most {LONGEST_KEY}, such as `mapped_column(String(100))`. Or: {instead}"
            )


def _hides(type_: TypeEngine[Any]) -> bool:
    if not isinstance(type_, TypeDecorator) or isinstance(type_, _PLAIN_DECORATORS):
        return False
    own = type(type_)
    overrides = any(getattr(own, name) is not getattr(TypeDecorator, name) for name in _PROCESSING)
    return overrides or _hides(type_.impl_instance)


def _info(column: Any) -> Any:
    return {**column.property.columns[0].info, **column.property.info}


def _is_one_way(keys: Sequence[StoredKey]) -> bool:
    return len({key.descending for key in keys}) == 1 and not any(key.nullable for key in keys)


def _bound(key: StoredKey, cursor: Cursor) -> ColumnElement[bool]:
    """Return what follows for the first key alone, by which an index finds where to begin."""
    value = cursor.values[0]
    if value is None or (key.nullable and not cursor.side.backwards):
        return true()
    downwards = key.descending is not cursor.side.backwards
    return key.compared <= key.bound(value) if downwards else key.compared >= key.bound(value)


def _same(key: StoredKey, value: Any) -> ColumnElement[bool]:
    return key.compared.is_(None) if value is None else key.compared == key.bound(value)


def _beyond(key: StoredKey, value: Any, *, backwards: bool) -> ColumnElement[bool]:
    """Return what a key fulfils that comes after a value; NULL comes after all others."""
    if value is None:
        return key.compared.is_not(None) if backwards else false()
    downwards = key.descending is not backwards
    own, given = key.compared, key.bound(value)
    beyond = own < given if downwards else own > given
    return or_(beyond, own.is_(None)) if key.nullable and not backwards else beyond
