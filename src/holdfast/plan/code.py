"""What Python code seems to read of an entity, by the names in it."""

from collections.abc import Iterator
from inspect import getattr_static
from types import CodeType
from typing import Any

from sqlalchemy.orm import Mapper

__all__ = ("relations_named_in",)


def relations_named_in(mapper: Mapper[Any], *functions: Any) -> tuple[str, ...]:
    """Return the relations of a class that functions name, or other code of the class they name.

    It is a guess that costs a statement where it is too much. Where it is too little, such as
    ``getattr(self, name)``, the entity refuses to load the relation.

    Args:
        mapper: The mapped class whose instances the functions are given.
        *functions: Functions, properties, or what else the class may hold.
    """
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(functions)
    while waiting:
        for name in _names_in(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            if name in mapper.relationships:
                found[name] = None
            else:
                proxy: Any = mapper.all_orm_descriptors.get(name)
                waiting.append(getattr_static(mapper.class_, name, None))
                through: Any = getattr(proxy, "target_collection", None)
                if through in mapper.relationships:
                    found[through] = None
    return tuple(found)


def _names_in(attribute: Any) -> Iterator[str]:
    """Yield the names of attributes in what runs when an attribute is read or called."""
    if isinstance(attribute, str):
        return
    for holder in ("fget", "func", "__func__", "__wrapped__"):
        inner = getattr(attribute, holder, None)
        if inner is not None and inner is not attribute:
            yield from _names_in(inner)
    code = getattr(attribute, "__code__", None)
    if isinstance(code, CodeType):
        yield from _names_of(code)


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
