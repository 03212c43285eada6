"""What a list may be sorted by: columns of its rows, and of the one row a relation leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, UniqueConstraint, inspect
from sqlalchemy.orm import Mapper, aliased
from sqlalchemy.types import JSON, PickleType, TypeDecorator, TypeEngine

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, AttributePath, Path, path_of

__all__ = ("SortKey", "declared_sort", "sort_key", "sort_models")

# Those that PostgreSQL cannot compare, or whose stored form has no order that means anything.
_UNORDERED = (JSON, PickleType)


@dataclass(frozen=True, eq=False)
class SortKey:
    """One column that a list can be sorted by.

    Attributes:
        path: Where the column is.
        element: The column; of an alias, where relations lead to it.
        joins: The relations of that path, each to its alias, for outer joins.
    """

    path: Path
    element: ColumnElement[Any]
    joins: tuple[Attribute, ...] = ()

    @property
    def name(self) -> str:
        """The key as clients write it."""
        return self.path.name

    @property
    def nullable(self) -> bool:
        """Whether the key of a row may be NULL."""
        return self.path.is_nullable

    @property
    def type(self) -> TypeEngine[Any]:
        """The column's SQL type."""
        return self.element.type


def declared_sort(
    model: type[Any], declarations: Sequence[AttributePath], where: str = "sort"
) -> tuple[SortKey, ...]:
    """Return the keys that clients may sort by.

    Args:
        model: The mapped class whose rows are listed.
        declarations: Columns of it, or paths over relations to one row.
        where: The argument that names them, for the messages.

    Raises:
        ConfigurationError: One is no column, is named twice, is not one value for each row, or has
            no order.
    """
    aliases: dict[tuple[str, ...], Any] = {}
    keys: dict[str, SortKey] = {}
    for declared in declarations:
        path = path_of(model, declared, where)
        if path.name in keys:
            raise ConfigurationError(f"{where} names {path.name} twice. Name each key once.")
        _check_path(model, path, where)
        keys[path.name] = sort_key(path, aliases)
    return tuple(keys.values())


def sort_models(keys: Sequence[SortKey]) -> tuple[type[Any], ...]:
    """Return the classes whose rows a statement reads to sort, beside its own.

    A scope has to hold for them as well: a row outside it sorts as if it were not there.
    """
    found = (relation.property.mapper.class_ for key in keys for relation in key.path.relations)
    return tuple(dict.fromkeys(found))


def sort_key(path: Path, aliases: dict[tuple[str, ...], Any]) -> SortKey:
    """Return the key for a path.

    Args:
        path: The path, checked.
        aliases: The aliases of the paths before it, so that a relation is joined once for all.
    """
    joins: list[Attribute] = []
    place: Any = None
    names: tuple[str, ...] = ()
    for relation in path.relations:
        names = (*names, relation.key)
        source = relation if place is None else getattr(place, relation.key)
        known = aliases.get(names)
        if known is None:
            target = aliased(relation.property.mapper.class_, flat=True)
            known = aliases[names] = (target, source.of_type(target))
        place, join = known
        joins.append(join)
    element = path.column if place is None else getattr(place, path.column.key)
    return SortKey(path, cast("ColumnElement[Any]", element), tuple(joins))


def _check_path(model: type[Any], path: Path, where: str) -> None:
    for relation in path.relations:
        if not _leads_to_one(relation):
            raise ConfigurationError(
                f"{where} goes through {relation}, behind which a row may have several others, so "
                "that it has no one place. Sort by a column of the row itself, or of one it refers "
                "to by a foreign key."
            )
    mapper: Mapper[Any] = inspect(model)
    if not path.relations:
        for column in path.column.property.columns:
            table = getattr(column, "table", None)
            if isinstance(table, Table) and table not in mapper.tables:
                raise ConfigurationError(
                    f"{where} has {path.column}, whose table is not among those that "
                    f"{mapper.class_.__name__} is read from. Name a column of that class itself."
                )
    type_ = path.element.type
    inner = type_.impl if isinstance(type_, TypeDecorator) else type_
    if isinstance(type_, _UNORDERED) or isinstance(inner, _UNORDERED):
        raise ConfigurationError(
            f"{where} has {path.column}, whose type {type_!r} has no order. Leave it out."
        )


def _leads_to_one(relation: Attribute) -> bool:
    prop: Any = relation.property
    if prop.uselist:
        return False
    remote = frozenset(prop.remote_side)
    table = next(iter(remote)).table
    unique = [frozenset(table.primary_key.columns)]
    unique += [frozenset(c.columns) for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique += [
        frozenset(index.columns)
        for index in table.indexes
        if index.unique and not _is_partial(index)
    ]
    return any(columns and columns <= remote for columns in unique)


def _is_partial(index: Any) -> bool:
    return any(
        name.endswith("_where") and value is not None for name, value in index.kwargs.items()
    )
