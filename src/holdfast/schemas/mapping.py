"""A mapped class, as what schemas have to know of it: its attributes, and what they are for."""

import dataclasses
import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy import Column, Table, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.associationproxy import AssociationProxyExtensionType
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import (
    ColumnProperty,
    Mapper,
    RelationshipDirection,
    RelationshipProperty,
    class_mapper,
)

from holdfast.errors import ConfigurationError
from holdfast.plan.secrets import is_secret_column, is_secret_name
from holdfast.schemas.declared import Declared, declared, docstring, returned
from holdfast.schemas.defaults import Default, default_of, default_value
from holdfast.schemas.roles import Role, role_of
from holdfast.schemas.values import Value, value_of

__all__ = ("Attribute", "Model", "Remark", "read_model")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column, an SQL expression or a hybrid property.

    Attributes:
        key: Its name on the class.
        value: What its values are.
        declaration: Its annotation, None where it has none that can be read.
        nullable: Whether its value can be None.
        doc: What it is for.
        role: Who sets it.
        is_secret: Whether no answer should show it.
        default: What it has where nothing is sent, None for NULL or for none at all.
        needs_value: Whether the class cannot be made without it, as of a dataclass.
    """

    key: str
    value: Value
    declaration: Declared | None
    nullable: bool
    doc: str | None
    role: Role
    is_secret: bool = False
    default: Default | None = None
    needs_value: bool = False

    @property
    def is_optional(self) -> bool:
        """Whether a new row can do without a value for it."""
        return not self.needs_value and (self.nullable or self.default is not None)


@dataclass(frozen=True, slots=True)
class Remark:
    """Why an attribute is in no schema."""

    key: str
    text: str
    in_writes: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A mapped class.

    Attributes:
        cls: The class.
        attributes: What can be a field, the key first, then in the order of the table.
        remarks: What else there is.
        is_writable: Whether it is mapped to a table, and not to a query.
    """

    cls: type[Any]
    attributes: tuple[Attribute, ...]
    remarks: tuple[Remark, ...]
    is_writable: bool


def read_model(cls: Any) -> Model:
    """Return what schemas have to know of a class.

    Raises:
        ConfigurationError: It is not mapped, or its mapping is not complete.
    """
    if not isinstance(inspect(cls, raiseerr=False), Mapper) or not isinstance(cls, type):
        raise ConfigurationError(
            f"{cls!r} is not mapped. Name a class that SQLAlchemy maps to a table, "
            "such as `app.models:Author`."
        )
    mapper: Mapper[Any] = class_mapper(cast("type[Any]", cls), configure=False)
    try:
        relations = list(mapper.relationships)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"The mapping of {cls.__name__} is not complete: {error} "
            "Import the modules of all related models in the module that you name."
        ) from error
    attributes = [*_columns(mapper), *_hybrids(mapper)]
    remarks = [_unusable(a.key) for a in attributes if not _can_be_field(a.key)]
    remarks += [_relation(relation) for relation in relations]
    remarks += _others(mapper)
    return Model(
        cls,
        tuple(a for a in attributes if _can_be_field(a.key)),
        tuple(sorted(remarks, key=lambda remark: remark.key)),
        isinstance(mapper.local_table, Table),
    )


def _columns(mapper: Mapper[Any]) -> Iterator[Attribute]:
    properties = [
        prop for prop in mapper.column_attrs if not getattr(prop.columns[0], "_insert_sentinel", 0)
    ]
    keys = {mapper.get_property_by_column(column).key for column in mapper.primary_key}
    for prop in sorted(properties, key=lambda prop: _position(mapper, prop, keys)):
        if prop.strategy_key != (("query_expression", True),):
            yield _attribute(mapper, prop)


def _position(mapper: Mapper[Any], prop: ColumnProperty[Any], keys: set[str]) -> tuple[int, int]:
    if prop.key in keys:
        return (0, 0)
    columns = [column for table in mapper.tables for column in table.c]
    # They are compared as objects: `==` between them is SQL.
    found = (n for n, column in enumerate(columns) if any(column is c for c in prop.columns))
    return (1, next(found, len(columns)))


def _attribute(mapper: Mapper[Any], prop: ColumnProperty[Any]) -> Attribute:
    cls, key, element = mapper.class_, prop.key, prop.columns[0]
    value = value_of(element.type)
    declaration = declared(cls, key)
    described = declaration.description if declaration is not None else None
    doc = docstring(cls, key) or described
    secret = is_secret_column(key, element)
    role = role_of(mapper, prop)
    if role is Role.EXPRESSION or not isinstance(element, Column):
        # SQL does not say of an expression whether it can be NULL.
        nullable = declaration is None or declaration.nullable
        return Attribute(key, value, declaration, nullable, prop.doc or doc, role, secret)
    doc = element.doc or doc or element.comment
    nullable = all(column.nullable for column in prop.columns if isinstance(column, Column))
    if role is Role.COMPUTED and declaration is not None:
        nullable = declaration.nullable  # a computed column is nullable unless somebody says so
    default = default_of(element, value, declaration)
    takes, needs_value, given = _constructor(cls, key)
    if not takes and role in {Role.PLAIN, Role.NATURAL_KEY}:
        role = Role.NO_ARGUMENT
    if given is not dataclasses.MISSING and given is not None and default is None:
        default = default_value(given, value, declaration)
    return Attribute(key, value, declaration, nullable, doc, role, secret, default, needs_value)


def _constructor(cls: type[Any], key: str) -> tuple[bool, bool, Any]:
    """Return whether a class takes an argument, whether it needs it, and its default."""
    missing: Any = dataclasses.MISSING
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    for field in fields:
        if field.name == key:
            made: Any = field.default_factory
            given: Any = field.default if made is missing else made()
            return field.init, field.init and given is missing, given
    return True, False, missing


def _hybrids(mapper: Mapper[Any]) -> Iterator[Attribute]:
    for key, descriptor in sorted(mapper.all_orm_descriptors.items()):
        found: Any = descriptor
        if found.extension_type is HybridExtensionType.HYBRID_PROPERTY:
            declaration = returned(found.fget)
            if declaration is not None:
                doc = docstring(mapper.class_, key)
                nullable, secret = declaration.nullable, is_secret_name(key)
                value = Value()
                yield Attribute(key, value, declaration, nullable, doc, Role.HYBRID, secret)


def _others(mapper: Mapper[Any]) -> Iterator[Remark]:
    for prop in mapper.column_attrs:
        if prop.strategy_key == (("query_expression", True),):
            yield Remark(prop.key, "a query expression, which only some statements fill")
    for composite in mapper.composites:
        yield Remark(composite.key, "made of columns, which are fields of their own")
    for key, descriptor in mapper.all_orm_descriptors.items():
        found: Any = descriptor
        if found.extension_type is AssociationProxyExtensionType.ASSOCIATION_PROXY:
            yield Remark(key, "an association proxy: give it the type of what it leads to")
            continue
        is_hybrid = found.extension_type is HybridExtensionType.HYBRID_PROPERTY
        if is_hybrid and returned(found.fget) is None:
            yield Remark(key, "a hybrid property: annotate what it returns to have it here")


def _relation(prop: RelationshipProperty[Any]) -> Remark:
    name = f"{prop.mapper.class_.__name__}Read"
    is_certain = prop.direction is RelationshipDirection.MANYTOONE and not any(
        getattr(column, "nullable", True) for column in prop.local_columns
    )
    shown = f"list[{name}]" if prop.uselist else name if is_certain else f"{name} | None"
    return Remark(prop.key, f"a relation, which a schema shows as `{prop.key}: {shown}`")


def _can_be_field(key: str) -> bool:
    usable = key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("_")
    return usable and not hasattr(BaseModel, key)


def _unusable(key: str) -> Remark:
    text = "no field of a Pydantic model can be called so: rename the attribute"
    return Remark(key, text, in_writes=True)
