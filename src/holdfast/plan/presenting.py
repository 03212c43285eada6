"""Entities as Pydantic can validate them, and whether they hold all that it will look at."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import inspect
from sqlalchemy.orm import MANYTOONE, InstanceState
from sqlalchemy.orm.base import PASSIVE_NO_FETCH, PASSIVE_NO_RESULT

from holdfast.plan.loading import chosen_fields
from holdfast.plan.nodes import FieldNode, Node, ProxyField, RelationField, columns_of, relations_of

__all__ = ("Present", "is_complete", "presenter")

Present = Callable[[Any], Any]
"""Turns an entity into what Pydantic validates: the entity itself, or a mapping."""


def is_complete(node: Node, entity: Any, *, include: frozenset[str] = frozenset()) -> bool:
    """Tell whether an entity holds all that a schema reads, so that nothing has to be loaded.

    A collection of more than one is not taken to be complete: a flush does not put it in order.

    Args:
        node: What the schema reads.
        entity: An instance of the node's class that is in a session and flushed.
        include: The optional relations that a request asks for, by the names of the answer.
    """
    fields = chosen_fields(node, None, include)
    state: InstanceState[Any] = inspect(entity)
    columns = {column for field in fields for column in columns_of(field)}
    if node.reads_every_column:
        columns |= set(state.mapper.column_attrs.keys())
    if any(_held(state, key) is PASSIVE_NO_RESULT for key in columns):
        return False
    relations = [relation for field in fields for relation in relations_of(field)]
    return all(_is_relation_complete(state, relation) for relation in (*relations, *node.seen))


def presenter(
    node: Node, *, fields: frozenset[str] | None = None, include: frozenset[str] = frozenset()
) -> Present:
    """Return what turns an entity into something that its schema can be validated from.

    That is the entity itself where Pydantic reads attributes all the way down, which it does for
    models alone. For dataclasses and TypedDicts, and where fields are left out, it is a mapping.

    Args:
        node: What the schema reads.
        fields: The fields that a request asks for, by the names of the answer; None for all.
        include: The optional relations that a request asks for, by the same names.
    """
    chosen = chosen_fields(node, fields, include)
    if len(chosen) == len(node.fields) and _reads_attributes(node):
        return _itself
    values = [(field.key, _value_of(field)) for field in chosen]

    def as_mapping(entity: Any) -> dict[str, Any]:
        return {key: present(getattr(entity, key)) for key, present in values}

    if node.kind != "model" or not node.entity_reasons:
        return as_mapping
    changed = [(key, present) for key, present in values if present is not _itself]
    hidden = {field.key for field in node.fields} - {key for key, _ in values}

    def as_view(entity: Any) -> _View:
        return _View(
            entity, {key: present(getattr(entity, key)) for key, present in changed}, hidden
        )

    return as_view


class _View:
    """An entity of which some attributes are hidden, and some are presented otherwise."""

    def __init__(self, entity: Any, values: Mapping[str, Any], hidden: set[str]) -> None:
        self.__dict__.update(values)
        self._entity = entity
        self._hidden = hidden

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(name)
        return getattr(self._entity, name)


def _itself(value: Any) -> Any:
    return value


def _value_of(field: FieldNode) -> Present:
    if isinstance(field, RelationField):
        return _value_behind(field.node, is_to_many=field.is_to_many)
    if isinstance(field, ProxyField):
        (inner,) = field.through.node.fields
        if isinstance(inner, RelationField):
            return _value_behind(inner.node, is_to_many=field.through.is_to_many)
    return _itself


def _value_behind(node: Node, *, is_to_many: bool) -> Present:
    if _reads_attributes(node):
        return _itself
    present = presenter(node)

    def one(value: Any) -> Any:
        return None if value is None else present(value)

    def many(value: Any) -> Any:
        if isinstance(value, dict):
            keyed = cast("dict[object, Any]", value)
            return {key: present(each) for key, each in keyed.items()}
        return [present(each) for each in value]

    return many if is_to_many else one


def _reads_attributes(node: Node) -> bool:
    return node.kind in {"entity", "model"} and all(
        _reads_attributes(relation.node) for relation in node.relations
    )


def _is_relation_complete(state: InstanceState[Any], relation: RelationField) -> bool:
    held = _held(state, relation.relation)
    if held is PASSIVE_NO_RESULT:
        return False
    if relation.is_to_many:
        each: list[Any] = [*(held.values() if isinstance(held, dict) else held)]
        return len(each) <= 1 and all(is_complete(relation.node, one) for one in each)
    return _agrees(state, relation.relation, held) and (
        held is None or is_complete(relation.node, held)
    )


def _held(state: InstanceState[Any], key: str) -> Any:
    """Return the value of an attribute if it is there without SQL."""
    return state.manager[key].impl.get(state, state.dict, PASSIVE_NO_FETCH)


def _agrees(state: InstanceState[Any], key: str, held: Any) -> bool:
    """Tell whether foreign keys still lead to what a to-one relation was loaded or set to."""
    relation = state.mapper.relationships[key]
    if relation.direction is not MANYTOONE:
        return True
    other: InstanceState[Any] | None = None if held is None else inspect(held)
    for near, far in relation.local_remote_pairs or ():
        name = state.mapper.get_property_by_column(near).key
        if name in state.expired_attributes:
            return False
        # One that was never loaded has not been changed either.
        if name in state.dict and state.dict[name] != _value(other, far):
            return False
    return True


def _value(state: InstanceState[Any] | None, column: Any) -> Any:
    if state is None:
        return None
    return _held(state, state.mapper.get_property_by_column(column).key)
