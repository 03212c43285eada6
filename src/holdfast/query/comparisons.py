"""Comparisons as each engine has to be asked for them, so that the same rows fulfil them.

Texts are compared exactly, upper and lower case told apart, although the usual collations of
MariaDB and LIKE on SQLite do not. What a column declares as its own collation is followed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    CHAR,
    ColumnElement,
    Float,
    LargeBinary,
    Numeric,
    String,
    Text,
    Uuid,
    and_,
    false,
    func,
    literal,
    not_,
    type_coerce,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from holdfast.query.operators import Operator
from holdfast.query.values import SINGLE_PRECISION

__all__ = ("compare",)

_MARIADB = frozenset({"mariadb", "mysql"})
_ESCAPE = "/"


def compare(
    operator: Operator, element: ColumnElement[Any], value: Any, dialect: str
) -> ColumnElement[bool]:
    """Return the criterion that a column's value fulfils.

    NULL fulfils none of them but ``is_null``.

    Args:
        operator: One that suits the column.
        element: The column.
        value: What its parameter holds: a list where the operator takes several values.
        dialect: The name of the dialect that will compile it.
    """
    if operator == "is_null":
        return element.is_(None) if value else element.is_not(None)
    if operator in _NEGATED:
        return _differs(element, compare(_NEGATED[operator], element, value, dialect), dialect)
    if operator in _ARRAYS:
        return cast("ColumnElement[bool]", _array(operator, element, value))
    if operator == "ieq":
        return _folded(element, dialect) == _folded(literal(value, Text()), dialect)
    make = _matches if operator in _PATTERNS else _ordinary
    return cast("ColumnElement[bool]", make(operator, element, value, dialect))


_PLAIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": lambda element, value: element == value,
    "lt": lambda element, value: element < value,
    "le": lambda element, value: element <= value,
    "gt": lambda element, value: element > value,
    "ge": lambda element, value: element >= value,
    "in": lambda element, value: element.in_(value),
    "between": lambda element, value: element.between(*value),
}
# Whether case is ignored, and what may be before and behind the text.
_PATTERNS: Mapping[str, tuple[bool, tuple[bool, bool]]] = {
    "contains": (False, (True, True)),
    "starts_with": (False, (False, True)),
    "ends_with": (False, (True, False)),
    "icontains": (True, (True, True)),
    "istarts_with": (True, (False, True)),
    "iends_with": (True, (True, False)),
}
_NEGATED: Mapping[str, Operator] = {"ne": "eq", "not_in": "in"}
_ARRAYS: Mapping[str, str] = {"any": "&&", "all": "@>"}


def _differs(
    element: ColumnElement[Any], equal: ColumnElement[bool], dialect: str
) -> ColumnElement[bool]:
    if dialect in _MARIADB and isinstance(element.type, Uuid):
        # Its type holds not every UUID: compared with one of the others, each value gives NULL.
        return and_(element.is_not(None), not_(func.coalesce(equal, false())))
    return not_(equal)


def _ordinary(operator: Operator, element: ColumnElement[Any], value: Any, dialect: str) -> Any:
    if _is_inexact(element, dialect):
        return _exact(operator, element, value)
    return _plain(operator, element, _bound(element.type, value, dialect))


def _plain(operator: Operator, element: ColumnElement[Any], value: Any) -> Any:
    return _PLAIN[operator](element, value)


def _bound(type_: TypeEngine[Any], value: Any, dialect: str) -> Any:
    """Return a value as it is to be bound, where the column's own type would change it."""
    if isinstance(value, list):
        return [_bound(type_, each, dialect) for each in cast("Sequence[Any]", value)]
    if isinstance(type_, Float):
        # MariaDB compares 0.1 of single precision with 0.1 of double, which is another number.
        single = type_.__visit_name__.lower() == "float" and dialect in _MARIADB
        if single and (type_.precision or 0) <= SINGLE_PRECISION:
            return sql_cast(literal(value, mysql.DOUBLE()), mysql.FLOAT())
        return value
    if isinstance(type_, Uuid) and not type_.as_uuid:
        return str(value)
    if isinstance(type_, Numeric):
        # PostgreSQL is sent the type with the value, and would round it to the column's scale.
        return literal(value, Numeric())
    return value


def _is_inexact(element: ColumnElement[Any], dialect: str) -> bool:
    """Tell whether equality depends on a collation that nobody has chosen."""
    type_ = element.type
    # A decorator's values are not those that are stored.
    return (
        dialect in _MARIADB
        and isinstance(type_, String)
        and not isinstance(type_, mysql.SET)
        and getattr(type_, "enums", None) is None
        and type_.collation is None
    )


def _exact(operator: Operator, element: ColumnElement[Any], value: Any) -> Any:
    """Compare by the collation, which an index can be used for, and the bytes of what is found."""
    found = _plain(operator, element, value)
    if operator not in {"eq", "in"}:
        return found
    encoded = [text.encode() for text in value] if operator == "in" else value.encode()
    return and_(found, _plain(operator, _bytes(element), encoded))


def _bytes(element: ColumnElement[Any]) -> ColumnElement[Any]:
    return sql_cast(_utf8(element), LargeBinary())


def _utf8(element: ColumnElement[Any]) -> ColumnElement[Any]:
    return sql_cast(type_coerce(element, Text()), mysql.CHAR(charset="utf8mb4"))


def _folded(element: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    if dialect in _MARIADB:
        return sql_cast(func.lower(_utf8(element), type_=CHAR()), LargeBinary())
    return func.lower(type_coerce(element, Text()), type_=Text())


def _matches(operator: Operator, element: ColumnElement[Any], text: str, dialect: str) -> Any:
    ignore_case, around = _PATTERNS[operator]
    if dialect == "sqlite" and not ignore_case:
        pattern = literal(_around(_escaped_for_glob(text), around, "*"), Text())
        return type_coerce(element, Text()).op("GLOB", is_comparison=True)(pattern)
    pattern = literal(_around(_escaped_for_like(text), around, "%"), Text())
    if dialect == "postgresql":
        return _matches_on_postgresql(element, pattern, ignore_case=ignore_case)
    stored, sought = (_comparable(each, dialect, ignore_case) for each in (element, pattern))
    return stored.like(sought, escape=_ESCAPE)


def _matches_on_postgresql(element: ColumnElement[Any], pattern: Any, *, ignore_case: bool) -> Any:
    collation = getattr(element.type, "collation", None)
    if isinstance(element.type, postgresql.CITEXT):
        stored: Any = sql_cast(element, Text())
    else:
        stored = type_coerce(element, Text())
    if collation is not None:
        # LIKE refuses a collation for which different texts are equal.
        if ignore_case:
            stored, pattern = func.lower(stored), func.lower(pattern.collate(collation))
        return stored.collate("C").like(pattern.collate("C"), escape=_ESCAPE)
    compared = stored.ilike if ignore_case else stored.like
    return compared(pattern, escape=_ESCAPE)


def _comparable(element: ColumnElement[Any], dialect: str, ignore_case: bool) -> Any:
    """Return a text in the form in which LIKE takes it literally, on SQLite and MariaDB."""
    if ignore_case:
        return type_coerce(_folded(element, dialect), Text())
    return type_coerce(_bytes(element) if dialect in _MARIADB else element, Text())


def _around(text: str, around: tuple[bool, bool], anything: str) -> str:
    before, behind = around
    return f"{anything if before else ''}{text}{anything if behind else ''}"


def _escaped_for_like(text: str) -> str:
    for character in (_ESCAPE, "%", "_"):
        text = text.replace(character, _ESCAPE + character)
    return text


def _escaped_for_glob(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def _array(operator: Operator, element: ColumnElement[Any], value: list[Any]) -> Any:
    item_type = cast("ARRAY[Any]", element.type).item_type
    values = literal(value, postgresql.ARRAY(item_type))
    return element.op(_ARRAYS[operator], is_comparison=True)(values)
