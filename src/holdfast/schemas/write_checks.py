"""Where a create or update schema does not fit its model: what the database would refuse."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from holdfast.schemas.annotations import bounds_of
from holdfast.schemas.fields import SchemaField
from holdfast.schemas.findings import Finding, fits
from holdfast.schemas.mapping import Attribute

__all__ = ("write_findings",)

# What else a column makes its values from.
_ALSO: Mapping[type, set[type]] = {Decimal: {int, float}, float: {int, Decimal}, int: {bool}}


def write_findings(field: SchemaField, attribute: Attribute) -> Iterator[Finding]:
    """Yield what is wrong with a field that sets an attribute."""
    python = attribute.value.python
    if not fits(python, field.classes, _ALSO, is_read=False):
        message = f"the column takes {python.__name__}, which the field does not give"
        yield Finding(field.name, "type", f"{message}: annotate it as {python.__name__}")
        return
    is_null_taken = field.nullable and not field.is_checked_first
    if is_null_taken and not attribute.nullable and not attribute.value.is_json:
        message = "the column refuses NULL, which the field takes: take `None` off its type"
        remedy = "in a TypedDict, what is not sent is left out all the same"
        yield Finding(field.name, "null", f"{message}, for {remedy}")
    if not field.is_list and field.classes == frozenset({python}):
        yield from _beyond(field, attribute)


def _beyond(field: SchemaField, attribute: Attribute) -> Iterator[Finding]:
    value, own = attribute.value, field.bounds
    bounds = bounds_of(value, attribute.declaration)
    if value.python is str and _is_wider(own, bounds, "max_length"):
        message = _advice("characters", bounds, ["max_length"])
        yield Finding(field.name, "length", message)
    if value.python is int and (missing := _open_ends(own, bounds)):
        yield Finding(field.name, "range", _advice("numbers", bounds, missing))
    digits = [n for n in ("max_digits", "decimal_places") if _is_wider(own, bounds, n)]
    if value.python is Decimal and digits:
        yield Finding(field.name, "precision", _advice("digits", bounds, digits))
    if value.python is datetime and value.with_zone not in {None, field.with_zone}:
        kind = "AwareDatetime" if value.with_zone else "NaiveDatetime"
        offset = "with" if value.with_zone else "without"
        message = f"the column holds instants {offset} an offset: annotate it as {kind}"
        yield Finding(field.name, "time-zone", message)


def _is_wider(own: Mapping[str, Any], bounds: Mapping[str, Any], name: str) -> bool:
    return name in bounds and (name not in own or own[name] > bounds[name])


def _open_ends(own: Mapping[str, Any], bounds: Mapping[str, Any]) -> list[str]:
    least = max((own[name] + (name == "gt") for name in ("ge", "gt") if name in own), default=None)
    most = min((own[name] - (name == "lt") for name in ("le", "lt") if name in own), default=None)
    low = "ge" in bounds and (least is None or least < bounds["ge"])
    high = "le" in bounds and (most is None or most > bounds["le"])
    return [*(["ge"] if low else []), *(["le"] if high else [])]


def _advice(what: str, bounds: Mapping[str, Any], names: list[str]) -> str:
    arguments = ", ".join(f"{name}={bounds[name]}" for name in names)
    return f"the column holds fewer {what} than the field takes: add `Field({arguments})`"
