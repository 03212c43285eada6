"""Relations whose rows are written together with the row that has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy.orm import Mapper, RelationshipProperty, class_mapper

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.scope import soft_delete_column

__all__ = ("Nested", "Nesting", "Removal")

Removal = Literal["delete", "mark", "unlink"]
"""What becomes of a child that is no longer in the list: deleted, marked as deleted, or let go."""


@dataclass(frozen=True, slots=True)
class Nesting:
    """One relation that is written with the row that has it.

    Attributes:
        attribute: The relation.
        model: The class it leads to.
        links: Pairs of attributes with equal values, of this side and the other.
        is_owner: Whether the other side refers to this one, so that its rows are children.
        is_list: Whether there may be several.
        removal: What becomes of a child that is no longer wanted.
    """

    attribute: Attribute
    model: type[Any]
    links: tuple[tuple[str, str], ...]
    is_owner: bool
    is_list: bool
    removal: Removal = "delete"

    @property
    def name(self) -> str:
        """The relation's name, which is that of the field."""
        return self.attribute.key

    @property
    def linking(self) -> tuple[str, ...]:
        """The attributes of the other side that the link sets, where it refers to this one."""
        return tuple(other for _, other in self.links) if self.is_owner else ()

    @property
    def key(self) -> tuple[str, ...]:
        """The attributes that tell the children of one row apart."""
        return tuple(a.key for a in primary_key_of(self.model) if a.key not in self.linking)

    @property
    def is_key_generated(self) -> bool:
        """Whether new children get their key from the database or the mapping."""
        columns = (class_mapper(self.model).columns[name] for name in self.key)
        return any(map(_is_generated, columns))


class Nested:
    """The relations that may be written with a row, on whichever level.

    Args:
        *declared: The relations, of the router's model and of those that they lead to.

    Raises:
        ConfigurationError: One cannot be written, or its children could not be removed.
    """

    def __init__(self, *declared: Attribute) -> None:
        self._nestings = tuple(map(_nesting, declared))

    def of(self, model: type[Any]) -> tuple[Nesting, ...]:
        """Return the relations of a model."""
        mapper: Mapper[Any] = class_mapper(model)
        return tuple(n for n in self._nestings if mapper.isa(n.attribute.property.parent))

    def names(self, model: type[Any]) -> frozenset[str]:
        """Return the names of a model's relations."""
        return frozenset(nesting.name for nesting in self.of(model))

    @property
    def models(self) -> tuple[type[Any], ...]:
        """The classes whose rows are written besides, for what has to hold for each."""
        return tuple(dict.fromkeys(nesting.model for nesting in self._nestings))

    def __iter__(self) -> Iterator[Nesting]:
        return iter(self._nestings)


def _is_generated(column: Any) -> bool:
    table = column.table
    return (
        column.default is not None
        or column.server_default is not None
        or table.autoincrement_column is column
    )


def _nesting(attribute: Attribute) -> Nesting:
    relation: Any = getattr(attribute, "property", None)
    if not isinstance(relation, RelationshipProperty):
        raise ConfigurationError(
            f"`nested=` has {attribute}, which is no relation. Name relations, such as "
            "`nested=[Author.books]`."
        )
    known = cast("Any", relation)
    _check(attribute, known)
    is_owner = known.direction.name == "ONETOMANY"
    near: Mapper[Any] = known.parent
    far: Mapper[Any] = known.mapper
    links = tuple(
        (near.get_property_by_column(local).key, far.get_property_by_column(remote).key)
        for local, remote in known.local_remote_pairs
    )
    removal = _removal(attribute, known) if is_owner else "delete"
    return Nesting(attribute, far.class_, links, is_owner, bool(known.uselist), removal)


def _check(attribute: Attribute, relation: RelationshipProperty[Any]) -> None:
    if relation.viewonly or relation.secondary is not None:
        kind = "only for reading" if relation.viewonly else "over a table of its own"
        raise ConfigurationError(
            f"`nested=` has {attribute}, which is {kind}. Leave it out, and write what is between "
            "by routes of its own."
        )
    pairs: Any = relation.local_remote_pairs
    if len(list(_comparisons(relation.primaryjoin))) != len(pairs):
        raise ConfigurationError(
            f"`nested=` has {attribute}, whose join is more than equal columns, so a new row would "
            "not have to be in it. Leave it out."
        )


def _comparisons(join: Any) -> Iterator[Any]:
    clauses: Sequence[Any] = getattr(join, "clauses", (join,))
    return iter(clauses)


def _removal(attribute: Attribute, relation: Any) -> Removal:
    if soft_delete_column(relation.mapper.class_) is not None:
        return "mark"
    if relation.cascade.delete_orphan:
        return "delete"
    if all(column.nullable for column in relation.remote_side):
        return "unlink"
    raise ConfigurationError(
        f"`nested=` has {attribute}, whose rows could neither be deleted nor let go when they are "
        'left out of the list. Add `cascade="all, delete-orphan"` to the relation, or make the '
        "foreign key nullable."
    )
