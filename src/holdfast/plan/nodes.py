"""Plan nodes: what a schema reads of a mapped class, field by field.

    Node                   a mapped class as a schema shows it
    └── fields
        ├── ColumnField    a mapped column or SQL expression
        ├── CompositeField columns that make up one value
        ├── RelationField  another node, once or many times
        ├── ProxyField     an association proxy: an attribute behind a relation
        ├── PropertyField  Python code, which reads what it likes
        └── SuppliedField  nothing: a constant of the class, or what a validator supplies

Nodes are frozen, compare by value, and hold names rather than SQL: what SQL has to read, what an
entity has to have loaded and how rows are encoded are decided from the same nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from holdfast.query.attributes import Attribute

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

__all__ = (
    "ColumnField",
    "CompositeField",
    "FieldNode",
    "Node",
    "PropertyField",
    "ProxyField",
    "RelationField",
    "SuppliedField",
    "columns_of",
    "relations_of",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNode:
    """One field of a schema.

    Attributes:
        name: Its name in the schema's class.
        key: The attribute of the entity that it is read from, which is also the name by which
            Pydantic finds it in a mapping.
        shown_as: Its name in the answer, None where it is read and then left out.
        required: Whether the schema has no default for it.
    """

    name: str
    key: str
    shown_as: str | None
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnField(FieldNode):
    """A mapped column, or an SQL expression mapped by ``column_property``.

    Attributes:
        column: The key of the mapped attribute, which a synonym calls otherwise.
        is_of_its_row: Whether it depends on nothing but columns of the row itself.
        reads: The mapped classes that an expression is written with.
        is_shown_as_is: Whether the answer has the value that the database has, unchanged by
            validators and serializers.
    """

    column: str
    is_of_its_row: bool
    reads: tuple[type[Any], ...]
    is_shown_as_is: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeField(FieldNode):
    """A value made of several columns.

    Attributes:
        columns: The keys of their attributes.
    """

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationField(FieldNode):
    """What a relation leads to.

    Attributes:
        relation: The key of the mapped attribute, which a synonym calls otherwise.
        node: What is read of each entity that it leads to.
        is_to_many: Whether it leads to a collection.
        is_nullable: Whether the schema accepts None for it.
        is_joined: Whether a join cannot multiply rows, so that it is read in the same statement.
        is_optional: Whether it is read only where a request asks for it.
    """

    relation: str
    node: "Node"
    is_to_many: bool
    is_nullable: bool
    is_joined: bool
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyField(FieldNode):
    """An association proxy.

    Attributes:
        through: The relation it leads through, and what is read behind it.
    """

    through: RelationField


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyField(FieldNode):
    """A property, a hybrid or another attribute that is Python code.

    What it reads cannot be proven: every column of the entity is loaded for it, and those relations
    that its code names.

    Attributes:
        relations: These relations.
    """

    relations: tuple[RelationField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedField(FieldNode):
    """What SQL has no part in: a constant of the class, or what a validator supplies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A mapped class as a schema shows it.

    Attributes:
        model: The mapped class, or the alias that a relation leads to.
        schema: The Pydantic model, dataclass or TypedDict; None where a property, a proxy or a
            validator reads the entity instead.
        kind: ``model``, ``dataclass``, ``typed-dict`` or ``entity``.
        fields: The fields, in the order of the schema.
        computed: The schema's computed fields: their names in its class and in the answer.
        reads_every_column: Whether something reads the entity that may look at any column.
        seen: Relations that validators read of the entity, as far as their code names them.
        entity_reasons: Why a row in a mapping would not do: what has to see the entity.
        whole_reasons: Why no field can be left out of what is validated.
        serializes_itself: Whether a function makes the answer from the whole object.
    """

    model: Any
    schema: Any
    kind: str
    fields: tuple[FieldNode, ...] = ()
    computed: tuple[tuple[str, str], ...] = ()
    reads_every_column: bool = False
    seen: tuple[RelationField, ...] = ()
    entity_reasons: tuple[str, ...] = ()
    whole_reasons: tuple[str, ...] = ()
    serializes_itself: bool = False

    @property
    def mapped_class(self) -> type[Any]:
        """The mapped class itself."""
        mapper: Mapper[Any] = inspect(self.model).mapper
        return mapper.class_

    @property
    def columns(self) -> frozenset[str]:
        """The keys of the column attributes that its fields are read from."""
        return frozenset(column for field in self.fields for column in columns_of(field))

    @property
    def relations(self) -> tuple[RelationField, ...]:
        """The relations that are read, whatever reads them: one may be there more than once."""
        read = tuple(relation for field in self.fields for relation in relations_of(field))
        return (*read, *self.seen)

    @property
    def needs_entity(self) -> bool:
        """Whether only the entity will do, here or in what is nested."""
        return bool(self.entity_reasons) or any(r.node.needs_entity for r in self.relations)

    def attribute(self, key: str) -> Attribute:
        """Return a mapped attribute of the class, or of the alias."""
        found: Attribute = getattr(self.model, key)
        return found

    def nodes(self) -> Iterator["Node"]:
        """Yield this node and all that are nested in it."""
        yield self
        for relation in self.relations:
            yield from relation.node.nodes()


def columns_of(field: FieldNode) -> tuple[str, ...]:
    """Return the keys of the column attributes that one field is read from."""
    match field:
        case ColumnField():
            return (field.column,)
        case CompositeField():
            return field.columns
        case _:
            return ()


def relations_of(field: FieldNode) -> tuple[RelationField, ...]:
    """Return the relations that one field reads."""
    match field:
        case RelationField():
            return (field,)
        case ProxyField():
            return (field.through,)
        case PropertyField():
            return field.relations
        case _:
            return ()
