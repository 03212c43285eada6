"""What can differ between a model and a schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.schemas.values import SCALARS

__all__ = ("CODES", "Finding", "fits")

CODES = (
    "length",
    "missing-field",
    "missing-required",
    "not-writable",
    "null",
    "precision",
    "range",
    "secret",
    "time-zone",
    "type",
    "unknown-field",
)
"""The kinds of differences."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that differs.

    Attributes:
        field: The field, or the attribute that has none.
        code: What kind of difference it is, one of `CODES`.
        message: What to know of it, and what to do.
    """

    field: str
    code: str
    message: str


def fits(
    column: type[Any],
    field: frozenset[type[Any]] | None,
    also: Mapping[type, set[type]],
    *,
    is_read: bool,
) -> bool:
    """Tell whether the values of a column and those of a field are of classes that agree.

    Args:
        column: The class of the column's values.
        field: The classes of the field's values, None where they are not known.
        also: What else fits each class.
        is_read: Whether the field is made from the column, rather than the column from the field.
    """
    if field is None or column not in SCALARS:
        return True
    accepted = {column, *also.get(column, ())}

    def agrees(cls: type[Any]) -> bool:
        # A class of its own, such as an enumeration of texts, may be made from what is stored.
        return cls in accepted or (cls not in SCALARS and (is_read or issubclass(cls, column)))

    # Of a union that is read one member has to fit, and of one that is written all of them.
    return any(map(agrees, field)) if is_read else all(map(agrees, field))
