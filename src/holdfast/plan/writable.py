"""What a schema may write of a model, held against its mapping when a router is built."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy import Column, Identity, Index, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.orm import ColumnProperty, Mapper, MapperProperty, class_mapper
from typing_extensions import is_typeddict

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute
from holdfast.query.scope import soft_delete_column
from holdfast.query.services import overrides

__all__ = ("check_create_schema", "check_update_schema", "field_names", "unscoped_unique_keys")

_CREATING = ("create", "to_model", "to_model_on_create")
_UPDATING = ("update", "to_model", "to_model_on_update")


def check_create_schema(  # noqa: PLR0913 - one keyword for each thing that matters
    model: type[Any],
    schema: Any,
    *,
    service: type[Any] | None = None,
    nested: Collection[str] = (),
    fixed: Collection[str] = (),
    key: Sequence[Attribute] = (),
    optional: Collection[str] = (),
    argument: str = "create",
) -> None:
    """Hold a schema for new rows against the mapping.

    Args:
        model: The mapped class.
        schema: A Pydantic model, a dataclass or a TypedDict.
        service: The service's class. Where it makes something of the values itself, their names are
            its own affair.
        nested: Relations that may be written.
        fixed: Attributes that are set otherwise, by a scope or by the row that owns this one.
        key: Attributes that the URL gives, which a body may not contradict.
        optional: Attributes that say which row is meant, where it is there already.
        argument: The router's argument that names it, for the message.

    Raises:
        ConfigurationError: A field is nothing that can be written, or a column that needs a value
            has no field.
    """
    check = _SchemaCheck(model, schema, argument)
    if service is not None and overrides(service, *_CREATING):
        return
    check.fields({*nested, *optional}, key, new=True)
    check.required({*fixed, *(attribute.key for attribute in key)}, nested)


def check_update_schema(
    model: type[Any],
    schema: Any,
    *,
    service: type[Any] | None = None,
    nested: Collection[str] = (),
    key: Sequence[Attribute] = (),
) -> None:
    """Hold a schema for changes against the mapping.

    Args:
        model: The mapped class.
        schema: A Pydantic model or a TypedDict.
        service: The service's class; see `check_create_schema`.
        nested: Relations that may be written.
        key: Attributes of a natural key, beside those of the primary key.

    Raises:
        ConfigurationError: A field is nothing that can be written, or nobody could tell whether it
            was sent.
    """
    check = _SchemaCheck(model, schema, "update")
    if is_dataclass(schema) and not _is_pydantic(schema):
        raise ConfigurationError(
            f"{check.name} changes rows of {check.model}, but of a dataclass nobody can tell which "
            "fields were sent. Use a Pydantic model or a TypedDict."
        )
    if service is not None and overrides(service, *_UPDATING):
        return
    check.fields(nested, key, new=False)


def field_names(schema: Any) -> tuple[str, ...]:
    """Return the names of the fields that a schema writes.

    Raises:
        ConfigurationError: It is no class with fields.
    """
    if _is_pydantic(schema):
        declared = cast("type[BaseModel]", schema).model_fields
        return tuple(name for name, field in declared.items() if not field.exclude)
    if is_typeddict(schema):
        return tuple(sorted(schema.__required_keys__ | schema.__optional_keys__))
    if is_dataclass(schema):
        return tuple(field.name for field in fields(schema))
    raise ConfigurationError(
        f"{schema!r} has no fields to write. Pass a Pydantic model, a dataclass or a TypedDict."
    )


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


class _SchemaCheck:
    """One schema and one mapping.

    Args:
        model: The mapped class.
        schema: A Pydantic model, a dataclass or a TypedDict.
        purpose: The router's argument that it was given as.
    """

    def __init__(self, model: type[Any], schema: Any, purpose: str) -> None:
        self.mapper: Mapper[Any] = class_mapper(model)
        self.model = model.__name__
        self.name = f"{getattr(schema, '__name__', schema)} (`{purpose}=`)"
        self.names = field_names(schema)
        if _is_pydantic(schema) and schema.model_config.get("extra") == "allow":
            raise ConfigurationError(
                f"{self.name} takes fields that it does not declare, and they would be dropped. "
                'Set `extra` to "ignore" or "forbid".'
            )

    def fields(self, nested: Collection[str], key: Sequence[Attribute], *, new: bool) -> None:
        """Refuse fields that cannot be written."""
        keys = {attribute.key for attribute in key}
        if not new:
            keys |= {self.mapper.get_property_by_column(c).key for c in self.mapper.primary_key}
        for name in self.names:
            if name in keys:
                raise ConfigurationError(
                    f"{self.name} has {name!r}, which the URL gives. Leave it out."
                )
            if name not in self.mapper.attrs:
                raise ConfigurationError(
                    f"{self.name} has {name!r}, which is no column of {self.model}. Leave it out, "
                    "exclude it from the dump, or make something of it in a hook of the service."
                )
            reason = self._obstacle(self.mapper.attrs[name], nested, new=new)
            if reason is not None:
                raise ConfigurationError(f"{self.name} has {name!r}, {reason}")

    def _obstacle(
        self, attribute: MapperProperty[Any], nested: Collection[str], *, new: bool
    ) -> str | None:
        if attribute.key in nested:
            return None
        if not isinstance(attribute, ColumnProperty):
            return "which is no column. Leave it out, or declare a relation in `nested=`."
        columns: list[Any] = list(cast("Any", attribute).columns)
        if any(column is self.mapper.version_id_col for column in columns):
            return "which is the version that the mapper counts. Leave it out."
        soft_delete = soft_delete_column(self.mapper.class_)
        if soft_delete is not None and soft_delete.key == attribute.key:
            return "which marks deleted rows. Leave it out: DELETE sets it."
        is_kind = any(column is self.mapper.polymorphic_on for column in columns)
        counts_up = new and any(map(_counts_up, columns))
        if is_kind or counts_up or any(map(_is_generated, columns)):
            return "which the mapper or the database makes. Leave it out."
        return None

    def required(self, fixed: Collection[str], nested: Collection[str]) -> None:
        """Refuse a schema without a field for a column that needs a value."""
        if _sets_values_itself(self.mapper):
            return
        given = {*self.names, *fixed}
        linked = {
            column
            for relation in self.mapper.relationships
            if relation.key in nested and not relation.uselist
            for column in relation.local_columns
        }
        for attribute in self.mapper.column_attrs:
            columns: list[Any] = list(attribute.columns)
            if attribute.key in given or linked.intersection(columns):
                continue
            if all(_needs_value(self.mapper, column) for column in columns):
                raise ConfigurationError(
                    f"{self.name} has no {attribute.key!r}, but that column of {self.model} takes "
                    "no NULL and has no default. Add the field, or give the column a default."
                )


def _is_generated(column: Any) -> bool:
    if not isinstance(column, Column):
        return True  # an expression, which is read and never written
    always = isinstance(column.identity, Identity) and column.identity.always
    return column.computed is not None or bool(always)


def _counts_up(column: Any) -> bool:
    table = getattr(column, "table", None)
    return isinstance(table, Table) and table.autoincrement_column is column


def _needs_value(mapper: Mapper[Any], column: Any) -> bool:
    if not isinstance(column, Column) or column.nullable or _counts_up(column):
        return False
    by_mapper = column is mapper.version_id_col or column is mapper.polymorphic_on
    return not by_mapper and column.default is None and column.server_default is None


def _sets_values_itself(mapper: Mapper[Any]) -> bool:
    """Tell whether a class may set columns that nobody gives: a listener, or an own constructor."""
    cls = mapper.class_
    listeners: Any = mapper.dispatch.before_insert
    return bool(listeners) or is_dataclass(cls) or any(map(_has_own_init, cls.__mro__[:-1]))


def _has_own_init(cls: type[Any]) -> bool:
    init = vars(cls).get("__init__")
    # SQLAlchemy puts one of its own around it.
    original = getattr(init, "_sa_original_init", init)
    library = getattr(original, "__module__", "").partition(".")[0]
    return init is not None and library not in {"sqlalchemy", "advanced_alchemy"}


def unscoped_unique_keys(
    model: type[Any], scope_columns: Collection[str], written: Collection[str]
) -> list[tuple[str, ...]]:
    """Return the unique keys whose 409 would tell of rows outside the scope.

    Args:
        model: The mapped class.
        scope_columns: The attributes that a scope divides its rows by.
        written: The fields that clients write; a key of others tells them nothing.
    """
    found: list[tuple[str, ...]] = []
    for columns in _unique_columns(class_mapper(model)):
        if not scope_columns or not columns or not set(columns).isdisjoint(scope_columns):
            continue
        if set(columns) <= set(written) and columns not in found:
            found.append(columns)
    return found


def _unique_columns(mapper: Mapper[Any]) -> Iterator[tuple[str, ...]]:
    names = {c: attribute.key for attribute in mapper.column_attrs for c in attribute.columns}
    for table in mapper.tables:
        indexes = [index for index in cast("Any", table).indexes if index.unique]
        for item in (*cast("Any", table).constraints, *indexes):
            if isinstance(item, UniqueConstraint | PrimaryKeyConstraint | Index):
                yield tuple(names[c] for c in cast("Any", item).columns if c in names)
