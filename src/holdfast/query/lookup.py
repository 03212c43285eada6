"""Finding the one row that a request names."""

from collections.abc import Sequence
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, Integer, SmallInteger, inspect, select
from sqlalchemy.orm import Mapper, Session, class_mapper, lazyload
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import dialect_of
from holdfast.query.write_problems import not_found

__all__ = (
    "Lock",
    "find",
    "find_or_none",
    "hold_writers",
    "key_criteria",
    "lock_arguments",
    "parts_of",
)

Lock = Literal["update", "delete"]
"""What a row is locked for: PostgreSQL lets others refer to one that is only changed."""


def find(  # noqa: PLR0913 - all after the scope by name
    session: Session,
    model: type[Any],
    key: Any,
    scope: RowScope = EVERY_ROW,
    *,
    key_attributes: Sequence[Attribute] = (),
    options: Sequence[ORMOption] = (),
    lock: Lock | None = None,
) -> Any:
    """Return the row that a key names, as the database has it now.

    Args:
        session: The session to read with.
        model: The mapped class.
        key: The key's value; a tuple where it has several parts.
        scope: The rows that may be found.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        options: What else is loaded. Without any, it is the row's columns alone.
        lock: What the row is locked for until the transaction ends, where the database has that.

    Raises:
        ProblemError: 404, where there is no such row in the scope.
    """
    found = find_or_none(
        session, model, key, scope, key_attributes=key_attributes, options=options, lock=lock
    )
    if found is None:
        raise not_found()
    return found


def find_or_none(  # noqa: PLR0913 - all after the scope by name
    session: Session,
    model: type[Any],
    key: Any,
    scope: RowScope = EVERY_ROW,
    *,
    key_attributes: Sequence[Attribute] = (),
    options: Sequence[ORMOption] = (),
    lock: Lock | None = None,
) -> Any | None:
    """Return the same as `find`, or None where there is no such row in the scope."""
    attributes = tuple(key_attributes) or primary_key_of(model)
    values = parts_of(key)
    dialect = dialect_of(session, model)
    if not all(map(_can_exist, attributes, values, [dialect] * len(values))):
        return None
    statement = select(model).where(*key_criteria(attributes, values))
    criterion = scope.criterion(model)
    if criterion is not None:
        # Not as an option, which would stay with the row and hide the children that a DELETE has
        # to take along.
        statement = statement.where(criterion)
    # Relations that their mapper loads eagerly would cost statements, or rows that are locked too.
    statement = statement.options(lazyload("*"), *options)
    if lock is not None:
        hold_writers(session, model)
        statement = statement.with_for_update(**lock_arguments(model, lock, dialect))
    # Pending changes first: reading again would otherwise undo them.
    session.flush()
    found = session.scalars(statement, execution_options={"populate_existing": True})
    entity = found.unique().one_or_none()
    return entity if entity is None or _is_named(entity, attributes, values) else None


def parts_of(key: Any) -> tuple[Any, ...]:
    """Return the parts of a key, one or several."""
    return tuple(cast("Any", key)) if isinstance(key, tuple) else (key,)


def key_criteria(attributes: Sequence[Attribute], values: Sequence[Any]) -> list[Any]:
    """Return the criteria that a row with this key fulfils."""
    return [attribute == value for attribute, value in zip(attributes, values, strict=True)]


def hold_writers(session: Session, model: type[Any]) -> None:
    """Let nobody else write until the transaction ends, where the database locks no rows.

    That is SQLite, whose driver begins a transaction with the first write only: what was read
    before it could be out of date by then.
    """
    connection = session.connection(bind_arguments={"mapper": class_mapper(model)})
    if connection.dialect.name != "sqlite":
        return
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def lock_arguments(model: type[Any], lock: Lock, dialect: str) -> dict[str, Any]:
    """Return the arguments of ``with_for_update`` that lock the rows of a model.

    SQLite leaves the clause out: `hold_writers` does it there.
    """
    if dialect != "postgresql":
        return {}
    mapper: Mapper[Any] = inspect(model)
    # Named, because the nullable side of an outer join cannot be locked.
    return {"key_share": lock == "update", "of": list(mapper.tables)}


def _is_named(entity: Any, attributes: Sequence[Attribute], values: Sequence[Any]) -> bool:
    """Tell whether a row's key is the text that was sent, and not one that a collation equates."""
    held = inspect(entity).dict
    return all(
        not isinstance(value, str) or held.get(attribute.key, value) in {value, None}
        for attribute, value in zip(attributes, values, strict=True)
    )


def _can_exist(attribute: Attribute, value: Any, dialect: str) -> bool:
    """Tell whether a column can hold a value; drivers refuse to compare it with any other."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, int):
        limit = _limit(attribute.type, dialect)
        return limit is None or -limit <= value < limit
    return True


def _limit(type_: Any, dialect: str) -> int | None:
    if not isinstance(type_, Integer):
        return None
    if isinstance(type_, BigInteger) or dialect == "sqlite":
        return 2**63
    return 2**15 if isinstance(type_, SmallInteger) else 2**31
