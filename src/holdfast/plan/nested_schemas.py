"""The schemas of rows that are written with another, held against their own mapping."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from typing_extensions import is_typeddict

from holdfast.errors import ConfigurationError
from holdfast.plan.writable import check_create_schema, field_names
from holdfast.query.nesting import Nested

__all__ = ("check_nested_schemas",)


def check_nested_schemas(
    model: type[Any],
    schema: Any,
    nested: Nested,
    fixed: Callable[[type[Any]], Collection[str]],
) -> None:
    """Hold the schemas of nested rows against the mapping, on each level.

    Args:
        model: The mapped class of the row that has the relations.
        schema: What is sent for it.
        nested: The relations that are written.
        fixed: Gives the attributes of a class that are set otherwise, by a scope.

    Raises:
        ConfigurationError: A relation's field has no schema or several, or the schema has a field
            that cannot be written.
    """
    names = field_names(schema)
    hints = get_type_hints(schema)
    for nesting in nested.of(model):
        if nesting.name not in names:
            continue
        found = list(dict.fromkeys(_schemas_in(hints[nesting.name])))
        if len(found) != 1:
            what = "no schema" if not found else "more than one schema"
            raise ConfigurationError(
                f"{getattr(schema, '__name__', schema)}.{nesting.name} has {what} for the rows of "
                f"{nesting.attribute}. Nest one Pydantic model, dataclass or TypedDict."
            )
        item, child = found[0], nesting.model
        given = {*nesting.linking, *fixed(child)}
        # The key tells which of the rows that are there is meant.
        check_create_schema(
            child,
            item,
            nested=nested.names(child),
            fixed=given,
            optional=nesting.key,
            argument="nested",
        )
        check_nested_schemas(child, item, nested, fixed)


def _schemas_in(hint: Any) -> Iterator[Any]:
    if is_typeddict(hint) or (isinstance(hint, type) and _has_fields(hint)):
        yield hint
        return
    for argument in get_args(hint):
        yield from _schemas_in(argument)


def _has_fields(cls: type[Any]) -> bool:
    return issubclass(cls, BaseModel) or is_dataclass(cls)
