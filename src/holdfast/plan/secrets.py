"""Attributes whose values no answer should hold: hashes, encrypted values, shared secrets."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, Column, Date, DateTime, Interval, Time
from sqlalchemy.orm import ColumnProperty, Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ("is_secret_column", "is_secret_name", "is_secret_type", "secret_columns")

_WORDS = {
    "hotp",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pwd",
    "salt",
    "secret",
    "secrets",
    "token",
    "totp",
}
_PAIRS = {
    ("access", "key"),
    ("api", "key"),
    ("backup", "codes"),
    ("encryption", "key"),
    ("pass", "hash"),
    ("private", "key"),
    ("recovery", "codes"),
    ("signing", "key"),
}
_TYPE_WORDS = {"encrypted", "hashed", "otp", "password", "secret", "totp"}
_TYPE_PAIRS = {("one", "time"), ("password", "hash")}
# A time or a yes tells when, or whether, and nothing of the secret itself.
_HARMLESS = (Boolean, Date, DateTime, Interval, Time)


def is_secret_column(key: str, column: Any) -> bool:
    """Tell whether a mapped column or SQL expression holds a secret.

    Args:
        key: The key of the attribute.
        column: The column or expression it is mapped to.
    """
    if is_secret_type(column.type):
        return True
    if isinstance(column.type, _HARMLESS):
        return False
    names = {key, *(c.name for c in _columns_in(column))}
    types = (c.type for c in _columns_in(column))
    return any(map(is_secret_name, names)) or any(map(is_secret_type, types))


def is_secret_type(type_: TypeEngine[Any]) -> bool:
    """Tell whether a column type hashes or encrypts, or holds a shared secret.

    Advanced Alchemy's are known by name, as are others that are named for what they do.
    """
    if not isinstance(type_, TypeDecorator):
        return False
    for cls in type(type_).__mro__:
        words = _words(cls.__name__)
        if cls is not TypeDecorator and (
            _TYPE_WORDS & set(words) or _TYPE_PAIRS & set(itertools.pairwise(words))
        ):
            return True
    return False


def is_secret_name(name: str) -> bool:
    """Tell whether an attribute is named for a secret: ``password_hash``, ``apiKey``."""
    words = _words(name)
    return bool(_WORDS & set(words) or _PAIRS & set(itertools.pairwise(words)))


def secret_columns(mapper: Mapper[Any]) -> frozenset[str]:
    """Return the keys of a mapper's attributes that hold secrets, in one column or several."""
    found = {
        prop.key
        for prop in mapper.iterate_properties
        if isinstance(prop, ColumnProperty) and is_secret_column(prop.key, prop.columns[0])
    }
    return frozenset(found | set(_secret_composites(mapper, found)))


def _secret_composites(mapper: Mapper[Any], secret: set[str]) -> Iterable[str]:
    for prop in mapper.composites:
        if any(p.key in secret for p in prop.props):
            yield prop.key


def _columns_in(element: Any) -> list[Column[Any]]:
    if isinstance(element, Column):
        return [element]
    return [part for child in element.get_children() for part in _columns_in(child)]


def _words(name: str) -> tuple[str, ...]:
    """Split a name at underscores and at changes of case: ``TOTPSecret`` is totp, secret."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return tuple(word.lower() for word in found)
