"""Where a read schema does not fit its model: what answers fail with, or should not show."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from holdfast.schemas.annotations import bounds_of
from holdfast.schemas.fields import SchemaField
from holdfast.schemas.findings import Finding, fits
from holdfast.schemas.mapping import Attribute

__all__ = ("read_findings",)

# What else Pydantic makes from a value of a class.
_ALSO: Mapping[type, set[type]] = {
    bool: {int},
    Decimal: {float},
    float: {Decimal},
    int: {float, Decimal},
}


def read_findings(field: SchemaField, attribute: Attribute) -> Iterator[Finding]:
    """Yield what is wrong with a field that shows an attribute."""
    if attribute.is_secret:
        message = "it is a secret, which no answer should show: remove the field"
        yield Finding(field.name, "secret", message)
    if field.is_checked_first:
        return  # what its function makes of a value cannot be told
    python = attribute.value.python
    if not fits(python, field.classes, _ALSO, is_read=True):
        message = f"the column gives {python.__name__}, which the field does not take"
        yield Finding(field.name, "type", f"{message}: annotate it as {python.__name__}")
    if attribute.nullable and not field.nullable:
        message = "the column may be NULL, which the field does not take: add `| None`"
        yield Finding(field.name, "null", message)
    longest = bounds_of(attribute.value, attribute.declaration).get("max_length")
    most = field.bounds.get("max_length")
    if python is str and most is not None and (longest is None or most < longest):
        stored = f"up to {longest}" if longest is not None else "any number of"
        message = f"the column holds {stored} characters, and the field takes {most} of them"
        yield Finding(field.name, "length", f"{message}: do not bound what is read")
