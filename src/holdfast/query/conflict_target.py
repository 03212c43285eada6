"""The unique columns by which an upsert finds the row that is there already."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint, inspect
from sqlalchemy.orm import Mapper

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute

__all__ = ("conflict_target",)

# Where an index may be about some of the rows only.
_PARTIAL = ("postgresql", "sqlite")


def conflict_target(
    model: type[Any], key: Sequence[Attribute], fixed: Collection[str] = ()
) -> tuple[Column[Any], ...]:
    """Return the columns of a unique constraint that tell rows with different keys apart.

    They are those of the key, or the key's with some that the scope fixes: with one slug for each
    tenant, the slug alone identifies a row for everybody who sees one tenant only.

    Args:
        model: The mapped class.
        key: The attributes that identify a row in the URL.
        fixed: The names of attributes whose values the scope fixes.

    Raises:
        ConfigurationError: No unique constraint has these columns.
    """
    mapper: Mapper[Any] = inspect(model)
    wanted = {_column(mapper, attribute.key) for attribute in key}
    allowed = wanted | {_column(mapper, name) for name in fixed}
    fitting = [
        columns
        for columns in _unique_columns(mapper.local_table)
        if wanted <= set(columns) <= allowed
    ]
    if not fitting:
        names = ", ".join(attribute.key for attribute in key)
        raise ConfigurationError(
            f"PUT needs a unique constraint on ({names}) of {model.__name__}, alone or with "
            "columns that the scope fixes; a partial index is none. "
            "Add one to the table, or leave PUT out."
        )
    return min(fitting, key=len)


def _column(mapper: Mapper[Any], name: str) -> Any:
    return mapper.columns[name]


def _unique_columns(table: Any) -> Iterator[tuple[Column[Any], ...]]:
    if not isinstance(table, Table):
        return
    yield tuple(table.primary_key.columns)
    for constraint in table.constraints:
        # One that is checked at COMMIT only cannot tell an INSERT that the row is there.
        if isinstance(constraint, UniqueConstraint) and not constraint.deferrable:
            yield tuple(constraint.columns)
    for index in table.indexes:
        partial = any(index.dialect_options[name]["where"] is not None for name in _PARTIAL)
        expressions = tuple(index.expressions)
        if index.unique and not partial and all(isinstance(e, Column) for e in expressions):
            yield tuple(index.columns)
