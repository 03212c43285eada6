"""What a client has sent, as values of a model's attributes."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum as PythonEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr
from sqlalchemy import Enum, String, inspect
from sqlalchemy.orm import class_mapper

from holdfast.query.scope import RowScope
from holdfast.query.write_problems import not_null_violation, outside_scope

__all__ = (
    "differing",
    "given",
    "given_for_new",
    "null_fields",
    "refuse_differing",
    "refuse_nulls",
    "scoped",
    "sent_or_free",
    "storable",
)

_TEXTUAL = (
    *(IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
    *(PurePath, UUID),
)


def given(data: Any, *, defaults: bool = False) -> dict[str, Any]:
    """Return what a client has sent, by the names of the schema's fields.

    A field that was not sent is absent, which is not the same as null. Nested objects are left as
    they are. Of a dataclass nobody can tell, so all its fields count as sent, but for those that
    are None where that is the default.

    Args:
        data: An instance of a Pydantic model or a dataclass, or a dictionary.
        defaults: Whether what was not sent has the default of its field, as a new row does. None is
            no such default: it leaves the choice to the column.
    """
    if isinstance(data, BaseModel):
        return _of_model(data, defaults=defaults)
    if is_dataclass(data) and not isinstance(data, type):
        found = ((field, getattr(data, field.name, MISSING)) for field in fields(data))
        return {
            field.name: value
            for field, value in found
            if value is not MISSING and not (value is None and field.default is None)
        }
    return dict(cast("Mapping[str, Any]", data))


def sent_or_free(data: Any, values: Mapping[str, Any], fixed: Collection[str]) -> dict[str, Any]:
    """Return values without defaults of the schema for what a scope fixes: nobody has sent those.

    Args:
        data: What the client has sent.
        values: The same, with defaults.
        fixed: The attributes that the scope fixes.
    """
    sent = given(data)
    return {name: v for name, v in values.items() if name in sent or name not in fixed}


def given_for_new(model: type[Any], data: Any, scope: RowScope) -> dict[str, Any]:
    """Return what a client has sent for a new row, with the defaults of what it has not.

    Args:
        model: The mapped class.
        data: A schema's instance, or a dictionary.
        scope: The rows that the request may touch, whose own values win over defaults.
    """
    return sent_or_free(data, given(data, defaults=True), scope.values(model))


def _of_model(data: BaseModel, *, defaults: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    # What `extra="allow"` let in is no declared field, so it is not written.
    for name, field in type(data).model_fields.items():
        value = getattr(data, name)
        sent = name in data.model_fields_set
        if field.exclude or not (sent or (defaults and value is not None)):
            continue
        values[name] = value
    return values


def storable(model: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as columns take them.

    Secrets are laid open, nested schemas become dictionaries, and a column of text gets the text of
    a URL, an address or an UUID. Values of relations stay as they are.
    """
    columns = class_mapper(model).column_attrs
    return {
        name: _fitting(value, columns[name].columns[0].type) if name in columns else value
        for name, value in values.items()
    }


def _fitting(value: Any, type_: Any) -> Any:
    plain = _plain(value)
    if not isinstance(type_, String) or isinstance(type_, Enum):
        return plain
    if isinstance(plain, PythonEnum):
        plain = plain.value
    # Drivers refuse them, and the client could do nothing about it.
    return str(plain) if isinstance(plain, _TEXTUAL) or hasattr(plain, "unicode_string") else plain


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list):
        return [_plain(item) for item in cast("Any", value)]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("Any", value).items()}
    return value


def null_fields(model: type[Any], values: Mapping[str, Any]) -> list[str]:
    """Return the names of the values that are None although their column takes no NULL."""
    columns = class_mapper(model).column_attrs
    return [
        name
        for name, value in values.items()
        if value is None and name in columns and _is_required(columns[name].columns[0])
    ]


def _is_required(column: Any) -> bool:
    # JSON stores None as its own null, which is a value.
    return not getattr(column, "nullable", True) and not column.type.should_evaluate_none


def refuse_nulls(model: type[Any], values: Mapping[str, Any]) -> None:
    """Refuse None for a column that takes no NULL.

    Raises:
        ProblemError: 422, naming the fields.
    """
    names = null_fields(model, values)
    if names:
        raise not_null_violation(names)


def scoped(
    model: type[Any], values: Mapping[str, Any], scope: RowScope, *, new: bool
) -> dict[str, Any]:
    """Return values that keep to what a scope fixes.

    Args:
        model: The mapped class.
        values: What was sent, by attribute.
        scope: The rows that the request may touch.
        new: Whether the row is new, and so gets what the scope fixes.

    Raises:
        ProblemError: 422, naming the fields whose values differ from what the scope fixes.
    """
    fixed = scope.values(model)
    refuse_differing(values, fixed)
    return {**values, **fixed} if new else dict(values)


def refuse_differing(values: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
    """Refuse values that differ from those a scope fixes.

    Raises:
        ProblemError: 422, naming the fields.
    """
    names = [name for name, value in fixed.items() if not _is_same(values, name, value)]
    if names:
        raise outside_scope(names)


def _is_same(values: Mapping[str, Any], name: str, fixed: Any) -> bool:
    # A key may be known as its text on one side, such as a UUID out of a token.
    return name not in values or values[name] == fixed or str(values[name]) == str(fixed)


def differing(entity: Any, fixed: Mapping[str, Any]) -> Collection[str]:
    """Return the attributes of a row whose values are not those a scope fixes."""
    loaded = inspect(entity).dict
    return [name for name, value in fixed.items() if not _is_same(loaded, name, value)]
