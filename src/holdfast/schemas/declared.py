"""What a model's source says of an attribute: its annotation, and its docstring."""

import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NewType, Union, cast

from sqlalchemy.orm import Mapped
from typing_extensions import TypeAliasType

__all__ = ("BOUNDS", "Declared", "declared", "docstring", "plain", "returned")

BOUNDS = (
    *("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern"),
    *("max_digits", "decimal_places"),
)
"""What Pydantic's ``Field`` and annotated-types call a bound, each on an attribute of that name."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An annotation.

    Attributes:
        type: The type without ``None`` and without what ``Annotated`` adds to it.
        nullable: Whether ``None`` is one of the types.
        bounds: The bounds that ``Annotated`` adds.
        description: What a Pydantic ``Field`` in it says of the attribute.
    """

    type: Any
    nullable: bool = False
    bounds: dict[str, Any] = field(default_factory=dict[str, Any])
    description: str | None = None


def declared(model: type[Any], key: str) -> Declared | None:
    """Return the annotation of an attribute, None where there is none that can be evaluated."""
    for cls in model.__mro__:
        annotations = inspect.get_annotations(cls)
        if key in annotations:
            hint = _evaluated(annotations[key], sys.modules[cls.__module__].__dict__, vars(cls))
            arguments = typing.get_args(hint)
            origin = typing.get_origin(hint)
            if isinstance(origin, type) and issubclass(origin, Mapped):
                hint = arguments[0]
            return None if hint is None else plain(hint)
    return None


def returned(function: Any) -> Declared | None:
    """Return what a function is annotated to return, None where it does not say."""
    annotations = inspect.get_annotations(function)
    if "return" not in annotations:
        return None
    hint = _evaluated(annotations["return"], getattr(function, "__globals__", {}), {})
    return None if hint is None else plain(hint)


def plain(hint: Any) -> Declared:
    """Take ``None``, aliases and metadata off a type."""
    if isinstance(hint, TypeAliasType):
        return plain(hint.__value__)
    if isinstance(hint, NewType):
        return plain(hint.__supertype__)
    if typing.get_origin(hint) is Annotated:
        inner, *metadata = typing.get_args(hint)
        found = plain(inner)
        bounds = dict(found.bounds)
        for part in _each(metadata):
            bounds |= _bounds(part)
        texts = [text for part in metadata if isinstance(text := _description(part), str)]
        return Declared(found.type, found.nullable, bounds, texts[-1] if texts else None)
    if typing.get_origin(hint) in {Union, UnionType}:
        nullable = NoneType in typing.get_args(hint)
        # None with a remark, such as Pydantic's SkipJsonSchema, is no value that is offered.
        members = [m for m in typing.get_args(hint) if plain(m).type is not NoneType]
        if len(members) == 1:
            found = plain(members[0])
            return Declared(found.type, nullable or found.nullable, found.bounds, found.description)
        return Declared(Union[tuple(members)], nullable)  # noqa: UP007 - of a number not known here
    return Declared(hint)


def docstring(model: type[Any], key: str) -> str | None:
    """Return the string below an attribute, or the docstring of the method that makes it."""
    for cls in model.__mro__:
        if key in vars(cls) or key in inspect.get_annotations(cls):
            found = _docstrings(cls).get(key)
            if found:
                return found
    return None


def _evaluated(hint: Any, module: dict[str, Any], own: Any) -> Any:
    holder: Any = type("_", (), {"__annotations__": {"hint": hint}})
    try:
        hints = typing.get_type_hints(holder, {**module}, {**own}, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only type checkers see, or any other mistake
        return None
    return hints["hint"]


def _each(metadata: list[Any]) -> Iterator[Any]:
    for part in metadata:
        yield part
        yield from cast("list[Any]", getattr(part, "metadata", None) or [])


def _bounds(part: Any) -> dict[str, Any]:
    # Pydantic keeps its own bounds in the attributes of an object that has no class to ask for.
    found = {name: getattr(part, name, None) for name in BOUNDS}
    if callable(found["pattern"]) or hasattr(part, "pattern_") or isinstance(part, type):
        return {}
    return {name: bound for name, bound in found.items() if isinstance(bound, str | int | float)}


def _description(part: Any) -> Any:
    return getattr(part, "description", None)


@cache
def _docstrings(cls: type[Any]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    for node, below in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.get_docstring(node) or ""
        elif isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = below.value.value
            for name in _targets(node):
                found[name] = text if isinstance(text, str) else ""
    return found


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
