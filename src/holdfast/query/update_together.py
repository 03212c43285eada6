"""One UPDATE for many locked rows, where the mapper would send one for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, inspect, update
from sqlalchemy.orm import Mapper, Session, class_mapper
from sqlalchemy.orm.exc import StaleDataError

from holdfast.query.one_statement import is_plain, touched
from holdfast.query.services import flush, model_of, translated_errors

__all__ = ("apply_together",)

# Of the parameters that say which row it is, beside those that say what it gets.
_WHERE = "holdfast_where_"


def apply_together(
    service: Any, session: Session, changes: Sequence[tuple[Any, Mapping[str, Any]]]
) -> None:
    """Change rows by one statement for each set of columns, where nobody wants the instances.

    The mapper would send an UPDATE for each row that has a version. Here the rows are locked since
    they were read, or nobody can have written since, as on SQLite. The version is compared all the
    same, and the rows are counted where the driver can.

    Args:
        service: A service with no ``update`` of its own.
        session: The session that has locked the rows.
        changes: The rows, and the values they get by attribute. The rows have to be read again.

    Raises:
        StaleDataError: A row is no longer as it was read.
    """
    mapper = class_mapper(model_of(service))
    known = [
        (row, {k: v for k, v in values.items() if k in mapper.attrs}) for row, values in changes
    ]
    names = dict.fromkeys(name for _, values in known for name in values)
    if is_plain(service, names):
        with translated_errors(service):
            _update_together(session, mapper, known)
        return
    for entity, values in known:
        for name, value in values.items():
            setattr(entity, name, value)
    flush(service)


def _update_together(
    session: Session, mapper: Mapper[Any], changes: Sequence[tuple[Any, Mapping[str, Any]]]
) -> None:
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for entity, values in changes:
        changed = _changed(mapper, inspect(entity).dict, values)
        if changed:
            row = {**touched(session, mapper), **_next_version(mapper, entity), **changed}
            grouped.setdefault(tuple(sorted(row)), []).append({**_where(mapper, entity), **row})
    for names, rows in grouped.items():
        _send(session, mapper, names, rows)


def _changed(
    mapper: Mapper[Any], loaded: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values that differ from those loaded, by the keys of their columns."""
    columns: dict[str, Any] = {name: mapper.columns[name] for name in values}
    return {
        columns[name].key: value
        for name, value in values.items()
        if name not in loaded or not _is_same(columns[name], loaded[name], value)
    }


def _is_same(column: Any, known: Any, value: Any) -> bool:
    if known is None or value is None:
        return known is value
    return bool(column.type.compare_values(known, value))


def _identifying(mapper: Mapper[Any]) -> list[Any]:
    version = mapper.version_id_col
    return [*mapper.primary_key, *([] if version is None else [version])]


def _where(mapper: Mapper[Any], entity: Any) -> dict[str, Any]:
    return {
        _WHERE + column.key: getattr(entity, mapper.get_property_by_column(column).key)
        for column in _identifying(mapper)
    }


def _next_version(mapper: Mapper[Any], entity: Any) -> dict[str, Any]:
    version: Any = mapper.version_id_col
    generate: Any = mapper.version_id_generator
    if version is None or not callable(generate):
        return {}
    return {version.key: generate(getattr(entity, mapper.get_property_by_column(version).key))}


def _send(
    session: Session,
    mapper: Mapper[Any],
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    same = [
        column == bindparam(_WHERE + column.key, type_=column.type)
        for column in _identifying(mapper)
    ]
    table: Any = mapper.local_table
    statement = update(table).where(*same).values({name: bindparam(name) for name in names})
    result: Any = session.execute(statement, list(rows), bind_arguments={"mapper": mapper})
    counted = len(rows) == 1 or result.supports_sane_multi_rowcount()
    if counted and result.rowcount != len(rows):
        raise StaleDataError(f"{len(rows)} rows were to be changed, and {result.rowcount} were.")
