"""What a PUT makes of a row: every field of its schema, whether it was sent or not."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sqlalchemy import inspect

from holdfast.query.changes import given

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

__all__ = ("replacement",)


def replacement(model: type[Any], data: Any) -> dict[str, Any]:
    """Return the values of every field of a schema: what was not sent has the field's default.

    None by default says nothing to a column that takes no NULL or has a default of its own. To a
    relation it says that there is nothing.

    Args:
        model: The mapped class.
        data: A schema's instance, or a dictionary, whose values are all that there is.
    """
    values = given(data, defaults=True)
    mapper: Mapper[Any] = inspect(model)
    columns = mapper.column_attrs
    for name in _fields(data):
        if name in values or getattr(data, name, ...) is not None:
            continue
        if name in mapper.relationships:
            values[name] = None
        elif name in columns:
            column: Any = columns[name].columns[0]
            has_default = any(
                getattr(column, kind, None) is not None for kind in ("default", "server_default")
            )
            if getattr(column, "nullable", False) and not has_default:
                values[name] = None
    return values


def _fields(data: Any) -> Sequence[str]:
    if isinstance(data, BaseModel):
        return [name for name, field in type(data).model_fields.items() if not field.exclude]
    if is_dataclass(data):
        return [field.name for field in fields(data)]
    return ()
