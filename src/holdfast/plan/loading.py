"""What SQL reads for a node: its columns, and its relations in a bounded number of statements."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import (
    Mapper,
    joinedload,
    load_only,
    raiseload,
    selectin_polymorphic,
    selectinload,
)
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.plan.nodes import (
    ColumnField,
    FieldNode,
    Node,
    RelationField,
    columns_of,
    relations_of,
)

__all__ = (
    "chosen_fields",
    "is_whole",
    "loader_options",
    "models_of",
    "reads_one_row",
    "shown_attributes",
)


def loader_options(
    node: Node, *, fields: frozenset[str] | None = None, include: frozenset[str] = frozenset()
) -> tuple[ORMOption, ...]:
    """Return what makes a SELECT of a node's class read what the schema shows, and no more.

    To-one relations are joined where that cannot multiply rows. Every other relation is one further
    statement a level, for up to 500 rows. Nothing else can be loaded by looking at an attribute:
    it raises instead.

    Args:
        node: What is read.
        fields: The fields that a request asks for, by the names that the answer has; None for all.
        include: The optional relations that a request asks for, by the same names.
    """
    chosen = chosen_fields(node, fields, include)
    return _options([node], [chosen])


def chosen_fields(
    node: Node, fields: frozenset[str] | None, include: frozenset[str]
) -> tuple[FieldNode, ...]:
    """Return the fields that have to be read for what a request asks for."""
    whole = fields is None or is_whole(node, fields)
    return tuple(
        field
        for field in node.fields
        if (
            field.shown_as in include
            if isinstance(field, RelationField) and field.is_optional
            else whole or field.shown_as in (fields or ())
        )
    )


def is_whole(node: Node, fields: frozenset[str]) -> bool:
    """Tell whether all fields have to be read and validated although a request asks for some.

    They have where a validator or a computed field that is asked for may look at the others.
    """
    return bool(node.whole_reasons) or any(shown in fields for _, shown in node.computed)


def models_of(node: Node) -> tuple[type[Any], ...]:
    """Return the mapped classes whose rows are read for a node: those that a scope is about."""
    found: dict[type[Any], None] = {}
    for each in node.nodes():
        found[each.mapped_class] = None
        for field in each.fields:
            if isinstance(field, ColumnField):
                found |= dict.fromkeys(field.reads)
    return tuple(found)


def reads_one_row(node: Node) -> bool:
    """Tell whether what is shown depends on columns of the row itself alone.

    A version of the row then stands for all that is shown. Python code, computed fields and what
    sees the whole object may depend on anything, so they are not taken to.
    """
    return (
        not node.computed
        and not node.whole_reasons
        and not node.entity_reasons
        and not node.relations
        and all(field.is_of_its_row for field in node.fields if isinstance(field, ColumnField))
    )


def shown_attributes(node: Node) -> frozenset[str]:
    """Return the keys of the column attributes whose values are shown as they are.

    With a dot those of the one row that a relation leads to: ``author.name``. One that a validator
    or serializer may change, or that is left out of the answer, is none.
    """
    own = {
        field.column
        for field in node.fields
        if isinstance(field, ColumnField) and field.is_shown_as_is
    }
    behind = {
        f"{field.relation}.{name}"
        for field in node.fields
        if isinstance(field, RelationField) and field.shown_as
        if not field.is_to_many and not field.is_optional
        for name in shown_attributes(field.node)
    }
    return frozenset(own | behind)


def _options(nodes: Sequence[Node], chosen: Sequence[Iterable[FieldNode]]) -> tuple[ORMOption, ...]:
    """Return the options for one class that is read for several nodes at once."""
    node = nodes[0]
    fields = [field for each in chosen for field in each]
    relations = [relation for field in fields for relation in relations_of(field)]
    relations += [relation for each in nodes for relation in each.seen]
    by_key: dict[str, list[RelationField]] = {}
    for relation in relations:
        by_key.setdefault(relation.relation, []).append(relation)
    keys = {column for field in fields for column in columns_of(field)}
    whole = any(each.reads_every_column for each in nodes)
    if whole:
        keys |= set(_mapper(node).column_attrs.keys())
    return (
        _columns(node, keys),
        *(_subclasses(node) if whole else ()),
        *(_relation(node, key, same) for key, same in by_key.items()),
        # What needs no SQL, such as a relation whose foreign key is NULL, may be looked at.
        raiseload("*", sql_only=True),
    )


def _columns(node: Node, keys: set[str]) -> ORMOption:
    # The primary key is always read; naming it gives a schema without columns something to name.
    mapper = _mapper(node)
    keys = keys | {mapper.get_property_by_column(column).key for column in mapper.primary_key}
    return load_only(*(node.attribute(key) for key in sorted(keys)), raiseload=True)


def _subclasses(node: Node) -> tuple[ORMOption, ...]:
    """Read what tables of subclasses add, a statement each: their code may look at it."""
    mapper = _mapper(node)
    below = [m.class_ for m in mapper.self_and_descendants if m is not mapper and not m.single]
    return (selectin_polymorphic(node.model, below),) if below else ()


def _relation(node: Node, key: str, same: Sequence[RelationField]) -> ORMOption:
    load = joinedload if same[0].is_joined else selectinload
    nodes = [relation.node for relation in same]
    inner = _options(nodes, [each.fields for each in nodes])
    option: ORMOption = load(node.attribute(key)).options(*inner)  # type: ignore[arg-type]
    return option


def _mapper(node: Node) -> Mapper[Any]:
    found: Mapper[Any] = inspect(node.model).mapper
    return found
