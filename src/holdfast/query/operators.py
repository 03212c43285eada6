"""How a column may be compared with what a client sends."""

from collections.abc import Mapping
from typing import Literal, get_args

__all__ = ("LISTS", "OPERATORS", "PHRASES", "SUITABLE", "Kind", "Operator")

Operator = Literal[
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "between",
    "in",
    "not_in",
    "is_null",
    "contains",
    "starts_with",
    "ends_with",
    "ieq",
    "icontains",
    "istarts_with",
    "iends_with",
    "any",
    "all",
]
"""The name of a comparison, as it is declared and as it ends the name of its parameter."""

Kind = Literal["text", "number", "moment", "choice", "truth", "identity", "array", "other"]
"""What a column holds, as far as comparing goes."""

OPERATORS: tuple[Operator, ...] = get_args(Operator)
"""Every operator there is."""

_EQUALITY: tuple[Operator, ...] = ("eq", "ne", "in", "not_in", "is_null")
_ORDER: tuple[Operator, ...] = (*_EQUALITY, "lt", "le", "gt", "ge", "between")
_TEXT: tuple[Operator, ...] = (
    "contains",
    "starts_with",
    "ends_with",
    "ieq",
    "icontains",
    "istarts_with",
    "iends_with",
)

SUITABLE: Mapping[Kind, tuple[Operator, ...]] = {
    "text": (*_ORDER, *_TEXT),
    "number": _ORDER,
    "moment": _ORDER,
    "choice": _EQUALITY,
    "identity": _EQUALITY,
    "truth": ("eq", "ne", "is_null"),
    "array": ("any", "all", "is_null"),
    "other": ("is_null",),
}
"""The operators that each kind of column has."""

LISTS: frozenset[Operator] = frozenset({"in", "not_in", "between", "any", "all"})
"""Those that take several values."""

PHRASES: Mapping[Operator, str] = {
    "eq": "equals this",
    "ne": "has another value than this (not NULL)",
    "lt": "is less than this",
    "le": "is at most this",
    "gt": "is greater than this",
    "ge": "is at least this",
    "between": "is between these two, both included",
    "in": "equals one of these",
    "not_in": "has another value than each of these (not NULL)",
    "is_null": "is NULL (true), or has a value (false)",
    "contains": "contains this text",
    "starts_with": "starts with this text",
    "ends_with": "ends with this text",
    "ieq": "equals this text, whether upper or lower case",
    "icontains": "contains this text, whether upper or lower case",
    "istarts_with": "starts with this text, whether upper or lower case",
    "iends_with": "ends with this text, whether upper or lower case",
    "any": "holds at least one of these",
    "all": "holds all of these",
}
"""What each operator asks of a value, for the description of its parameter."""
