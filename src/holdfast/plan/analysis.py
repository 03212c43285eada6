"""A schema and a mapped class, analysed into what is read of the class."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import Column, inspect
from sqlalchemy.ext.associationproxy import AssociationProxyInstance
from sqlalchemy.orm import ColumnProperty, CompositeProperty, Mapper, RelationshipProperty

from holdfast.errors import ConfigurationError
from holdfast.plan.checks import check_loadable, check_secret, is_of, refuse
from holdfast.plan.code import relations_named_in
from holdfast.plan.nodes import (
    ColumnField,
    CompositeField,
    FieldNode,
    Node,
    PropertyField,
    ProxyField,
    RelationField,
    SuppliedField,
)
from holdfast.plan.relations import cannot_multiply, check_required, target_of
from holdfast.plan.schemas import (
    Nested,
    ObjectSchema,
    SchemaField,
    SchemaReader,
)
from holdfast.plan.sources import Code, Constant, Source, is_of_its_row, models_in, source_of
from holdfast.query.attributes import Attribute

__all__ = ("analyse",)


def analyse(
    model: type[Any],
    schema: Any,
    *,
    include: Sequence[Attribute] = (),
    show_secrets: Sequence[Attribute] = (),
) -> Node:
    """Return what a schema reads of a mapped class.

    Args:
        model: The mapped class.
        schema: A Pydantic model, a dataclass or a TypedDict. It need not be made for attributes.
        include: Relations of the class that are read only where a request asks for them.
        show_secrets: Secret attributes that may be shown all the same.

    Raises:
        ConfigurationError: The schema does not fit the class, or shows a secret.
    """
    reader = SchemaReader(schema)
    shape = reader.read(reader.root)
    run = _Run(reader, tuple(show_secrets))
    optional = frozenset(attribute.key for attribute in include)
    # A generic schema is more than its class.
    node = replace(_Analysis(run, model, shape, (), optional).node(), schema=schema)
    shown = {relation.relation for relation in node.relations if relation.is_optional}
    for attribute in include:
        if attribute.key not in shown or not is_of(model, attribute):
            raise ConfigurationError(
                f"include= names {attribute}, which {shape.name} does not show. "
                "Add a field with the schema of what it leads to, and with a default."
            )
    check_required(node)
    return node


class _Run(NamedTuple):
    """What is the same on every level."""

    reader: SchemaReader
    show_secrets: tuple[Attribute, ...]


class _Analysis:
    """One schema that shows one mapped class."""

    def __init__(
        self,
        run: _Run,
        model: Any,
        shape: ObjectSchema,
        path: tuple[type[Any], ...],
        optional: frozenset[str] = frozenset(),
    ) -> None:
        self._run = run
        self._model = model
        self._mapper: Mapper[Any] = inspect(model).mapper
        self._shape = shape
        self._path = (*path, shape.cls)
        self._optional = optional
        if shape.cls in path:
            raise ConfigurationError(
                f"{shape.name} is nested in itself, so nothing says where reading ends. "
                "Write a schema of its own for the innermost level, without that relation."
            )
        if shape.takes_extra:
            raise ConfigurationError(
                f'{shape.name} has extra="allow", so it would show every attribute of the entity. '
                'Name the fields that it shows, and set extra="ignore".'
            )

    def node(self) -> Node:
        """Return the node."""
        shape = self._shape
        fields = tuple(self._field(field) for field in shape.fields)
        code = [f for f in fields if isinstance(f, PropertyField | ProxyField)]
        named = relations_named_in(self._mapper, *shape.early) if shape.early else ()
        entity_reasons = [f"{shape.name}.{field.name} is Python code" for field in code]
        if shape.early:
            entity_reasons.append(f"a validator of {shape.name} sees the entity")
        return Node(
            model=self._model,
            schema=shape.cls,
            kind=shape.kind,
            fields=fields,
            computed=shape.computed,
            reads_every_column=bool(shape.early)
            or any(isinstance(field, PropertyField) for field in code),
            seen=tuple(self._whole(self._mapper.relationships[key]) for key in named),
            entity_reasons=tuple(entity_reasons),
            whole_reasons=tuple(shape.why_whole()),
            serializes_itself=bool(shape.serializers),
        )

    def _field(self, field: SchemaField) -> FieldNode:
        for lookup in field.lookups:
            key = str(lookup[0])
            source = source_of(self._mapper, key)
            if source is None:
                continue
            if len(lookup) > 1 and not isinstance(source, ColumnProperty | CompositeProperty):
                self._refuse(
                    field,
                    f"is looked up by a path through {key}, which is no column",
                    "Nest a schema of what it leads to, or map an association proxy.",
                )
            return self._read(field, key, source, self._run.reader.nested(field.core))
        if self._shape.early:
            key = str(field.lookups[0][0])
            return SuppliedField(**_named(field, key))
        return self._refuse_unknown(field)

    def _read(self, field: SchemaField, key: str, source: Source, nested: Nested) -> FieldNode:
        match source:
            case ColumnProperty():
                return self._column(field, key, source)
            case CompositeProperty():
                columns = tuple(prop.key for prop in source.props)
                for prop in source.props:
                    self._check_secret(field, prop.key, prop.columns[0])
                return CompositeField(**_named(field, key), columns=columns)
            case RelationshipProperty():
                return self._relation(field, key, source, nested)
            case AssociationProxyInstance():
                return self._proxy(field, key, source, nested)
            case Code():
                self._check_secret(field, key, None)
                named = relations_named_in(self._mapper, source.attribute)
                relations = tuple(self._whole(self._mapper.relationships[name]) for name in named)
                return PropertyField(**_named(field, key), relations=relations)
            case Constant():
                return SuppliedField(**_named(field, key))

    def _column(self, field: SchemaField, key: str, prop: ColumnProperty[Any]) -> ColumnField:
        element = prop.columns[0]
        self._check_secret(field, prop.key, element)
        changed = (*field.functions, *self._shape.validators, *self._shape.serializers)
        return ColumnField(
            **_named(field, key),
            column=prop.key,
            is_of_its_row=is_of_its_row(self._mapper, element),
            reads=() if isinstance(element, Column) else models_in(element),
            is_shown_as_is=field.shown_as is not None and not changed,
        )

    def _relation(
        self, field: SchemaField, key: str, relation: RelationshipProperty[Any], nested: Nested
    ) -> RelationField:
        named = _named(field, key)
        is_optional = len(self._path) == 1 and relation.key in self._optional
        if is_optional and field.required:
            self._refuse(
                field,
                "is read only where a request includes it, but has no default",
                "Give it one: `= None`, or an empty list.",
            )
        check_loadable(self._shape.name, field, relation)
        if not nested.objects and nested.functions:
            return replace(self._whole(relation), **named, is_optional=is_optional)
        if len(nested.objects) != 1:
            what = "no schema" if not nested.objects else "more than one schema"
            self._refuse(
                field,
                f"has {what} for the entities that the relation leads to",
                "Nest one Pydantic model, dataclass or TypedDict.",
            )
        if nested.many != bool(relation.uselist):
            self._refuse(
                field,
                f"is {'a collection' if nested.many else 'one object'}, "
                f"but the relation leads to {'many' if relation.uselist else 'one'}",
                "Annotate it as the relation is mapped.",
            )
        shape = self._run.reader.read(nested.objects[0])
        node = _Analysis(self._run, target_of(relation), shape, self._path).node()
        return RelationField(
            **named,
            relation=relation.key,
            node=node,
            is_to_many=bool(relation.uselist),
            is_nullable=nested.nullable,
            is_joined=cannot_multiply(relation),
            is_optional=is_optional,
        )

    def _proxy(
        self,
        field: SchemaField,
        key: str,
        proxy: AssociationProxyInstance[Any],
        nested: Nested,
    ) -> ProxyField:
        relation = self._mapper.relationships[proxy.target_collection]
        check_loadable(self._shape.name, field, relation)
        through = replace(self._whole(relation), name=field.name, is_nullable=nested.nullable)
        target = target_of(relation)
        source = source_of(inspect(target).mapper, proxy.value_attr)
        if source is None:
            self._refuse(
                field,
                f"is a proxy of {proxy.value_attr}, which {relation.mapper.class_.__name__} lacks",
                "Name an attribute of that class in association_proxy().",
            )
        if relation.uselist and not isinstance(source, ColumnProperty):
            # One of the collection has one of what the proxy shows.
            nested = replace(nested, many=False, nullable=True)
        behind = _Analysis(self._run, target, self._shape, ())
        inner = behind._read(field, proxy.value_attr, source, nested)
        node = Node(model=target, schema=None, kind="entity", fields=(inner,))
        return ProxyField(**_named(field, key), through=replace(through, node=node))

    def _whole(self, relation: RelationshipProperty[Any]) -> RelationField:
        """Return a relation whose entities are read by code: with every column."""
        target = target_of(relation)
        return RelationField(
            name=relation.key,
            key=relation.key,
            shown_as=None,
            required=False,
            relation=relation.key,
            node=Node(model=target, schema=None, kind="entity", reads_every_column=True),
            is_to_many=bool(relation.uselist),
            is_nullable=True,
            is_joined=cannot_multiply(relation),
            is_optional=False,
        )

    def _refuse_unknown(self, field: SchemaField) -> NoReturn:
        name = self._mapper.class_.__name__
        looked_up = str(field.lookups[0][0])
        if source_of(self._mapper, field.name) is not None:
            self._refuse(
                field,
                f"is looked up as {looked_up!r}, which {name} does not have",
                "Write serialization_alias= instead of alias=, or set populate_by_name=True.",
            )
        self._refuse(
            field,
            f"is provided by no attribute of {name}",
            "Rename it to one, remove it, or make it a computed field.",
        )

    def _check_secret(self, field: SchemaField, key: str, element: Any) -> None:
        allowed = self._run.show_secrets
        check_secret(self._shape.name, field, self._mapper, key, element, allowed)

    def _refuse(self, field: SchemaField, mistake: str, remedy: str) -> NoReturn:
        refuse(self._shape.name, field, mistake, remedy)


def _named(field: SchemaField, key: str) -> dict[str, Any]:
    """Return what every node of a field has."""
    return {
        "name": field.name,
        "key": key,
        "shown_as": field.shown_as,
        "required": field.required,
    }
