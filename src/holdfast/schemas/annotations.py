"""How the values of an attribute are annotated in a schema: as they are shown, and as accepted."""

import typing
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from advanced_alchemy.types import FileObject
from pydantic import PydanticUserError, TypeAdapter

from holdfast.schemas.declared import Declared
from holdfast.schemas.expressions import ANY, literal, written_type
from holdfast.schemas.syntax import (
    Brackets,
    Code,
    Expression,
    Keyword,
    Reference,
    call,
    pattern,
    quoted,
    subscript,
)
from holdfast.schemas.values import SCALARS, Value

__all__ = ("ANNOTATED", "FIELD", "accepted", "annotated", "bounds_of", "shown")

ANNOTATED = Reference("typing", "Annotated")
FIELD = Reference("pydantic", "Field")
_ENCODED = 4  # characters of base64 for
_DECODED = 3  # bytes


def shown(value: Value, declaration: Declared | None) -> Expression:
    """Return the type of a value as a read schema has it.

    It has no bounds: what is stored is shown, and not judged once more.
    """
    special = _special(value, declaration)
    return _plain_type(value) if special is None else special


def accepted(
    value: Value, declaration: Declared | None
) -> tuple[Expression, tuple[Expression, ...]]:
    """Return the type of a value as a create or update schema has it.

    Returns:
        The type, and the arguments of the ``Field`` that bounds it.
    """
    declared_bounds = declaration.bounds if declaration is not None else {}
    special = _special(value, declaration)
    if special is not None:
        hint = declaration.type if declaration is not None else None
        is_text = value.python is str and isinstance(hint, type) and not issubclass(hint, Enum)
        length = {"max_length": value.max_length} if is_text and value.max_length else {}
        return special, _arguments(_tightest(length, declared_bounds))
    if value.python is datetime and value.with_zone is not None:
        name = "AwareDatetime" if value.with_zone else "NaiveDatetime"
        return Reference("pydantic", name), ()
    if value.python is bytes:
        return _decoded(value), ()
    if value.python is list and value.item is not None:
        inner, arguments = accepted(value.item, None)
        item = annotated(inner, arguments)
        return subscript(Reference("", "list"), item), _arguments(_bounds(value) | declared_bounds)
    return _plain_type(value), _arguments(_tightest(_bounds(value), declared_bounds))


def annotated(inner: Expression, arguments: tuple[Expression, ...]) -> Expression:
    """Return ``Annotated[inner, Field(...)]``, or the type alone where nothing bounds it."""
    if arguments and isinstance(inner, Brackets) and inner.head == ANNOTATED:
        *before, last = inner.items
        if isinstance(last, Brackets) and last.head == FIELD:
            return subscript(ANNOTATED, *before, call(FIELD, *last.items, *arguments))
    return subscript(ANNOTATED, inner, call(FIELD, *arguments)) if arguments else inner


def _special(value: Value, declaration: Declared | None) -> Expression | None:
    """Return the annotation, where it says more of a value than the type of the column does."""
    hint = declaration.type if declaration is not None else None
    if hint is None or hint in {Any, object, value.python}:
        return None
    if value.python in SCALARS and _contradicts(hint, value.python):
        return None
    if value.item is not None and typing.get_origin(hint) in {list, set, tuple}:
        return None
    return _written(hint)


def _contradicts(hint: Any, stored: type[Any]) -> bool:
    """Tell whether an annotation is mistaken: the column's type is what values are made by."""
    is_plain = isinstance(hint, type) and (hint in SCALARS or issubclass(hint, Enum))
    return is_plain and not issubclass(hint, stored)


def _written(hint: Any) -> Expression | None:
    try:
        TypeAdapter[Any](hint)
        return written_type(hint)
    except (ImportError, LookupError, NameError, PydanticUserError, TypeError):
        return None  # such as a class that only the column's type knows, or EmailStr without email


def _plain_type(value: Value) -> Expression:
    if value.choices:
        return subscript(Reference("typing", "Literal"), *(Code(quoted(t)) for t in value.choices))
    if value.python is list and value.item is not None:
        return subscript(Reference("", "list"), _plain_type(value.item))
    if value.is_json and value.python is object:
        return Reference("pydantic", "JsonValue")
    if value.python is FileObject:
        return Reference("advanced_alchemy.types", "FileObject")
    try:
        return written_type(value.python)
    except LookupError:
        if issubclass(value.python, Enum):
            raise
        return ANY


def _bounds(value: Value) -> dict[str, Any]:
    """Return what keeps a value within its column, as ``Field`` calls it."""
    found = {
        "ge": value.lower,
        "le": value.upper,
        "min_length": value.min_length,
        "max_length": value.max_length,
        "max_digits": value.max_digits,
        "decimal_places": value.decimal_places,
        # JSON has no NaN, and not every engine stores one.
        "allow_inf_nan": False if value.python is float else None,
    }
    return {name: bound for name, bound in found.items() if bound is not None}


def bounds_of(value: Value, declaration: Declared | None) -> dict[str, Any]:
    """Return what keeps a value within its column, the annotation of the attribute included."""
    return _tightest(_bounds(value), declaration.bounds if declaration is not None else {})


def _tightest(column: dict[str, Any], declaration: Mapping[str, Any]) -> dict[str, Any]:
    bounds = column | dict(declaration)
    for name, choose in (("ge", max), ("le", min), ("max_length", min), ("min_length", max)):
        if name in column and name in declaration:
            bounds[name] = choose(column[name], declaration[name])
    if "gt" in bounds and "ge" in bounds and bounds["gt"] >= bounds["ge"]:
        del bounds["ge"]
    if "lt" in bounds and "le" in bounds and bounds["lt"] <= bounds["le"]:
        del bounds["le"]
    return bounds


def _arguments(bounds: Mapping[str, Any]) -> tuple[Expression, ...]:
    return tuple(
        Keyword(name, Code(pattern(bound)) if isinstance(bound, str) else literal(bound))
        for name, bound in bounds.items()
    )


def _decoded(value: Value) -> Expression:
    """Return the type of bytes, which JSON has as base64."""
    validator = call(
        Reference("pydantic", "AfterValidator"), Reference("base64", "urlsafe_b64decode")
    )
    schema = '{"format": "base64url"}'
    arguments: list[Expression] = []
    if value.max_length is not None:
        encoded = -(-value.max_length // _DECODED) * _ENCODED
        arguments.append(Keyword("max_length", Code(str(value.max_length))))
        schema = f'{{"format": "base64url", "maxLength": {encoded}}}'
    arguments.append(Keyword("json_schema_extra", Code(schema)))
    return subscript(ANNOTATED, Reference("", "bytes"), validator, call(FIELD, *arguments))
