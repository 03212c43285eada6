"""What differs between a model and the schemas that are there for it."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from holdfast.schemas.fields import SchemaField, fields_of
from holdfast.schemas.findings import Finding
from holdfast.schemas.mapping import Attribute, Model, read_model
from holdfast.schemas.read_checks import read_findings
from holdfast.schemas.write_checks import write_findings

__all__ = ("Purpose", "differences")

Purpose = Literal["read", "create", "update"]
"""What a schema is for."""


def differences(cls: Any, schema: Any, purpose: Purpose) -> tuple[Finding, ...]:
    """Compare a schema with the model that it is for.

    Args:
        cls: The mapped class.
        schema: A Pydantic model, a dataclass or a TypedDict.
        purpose: What the schema is for.

    Raises:
        ConfigurationError: The class is not mapped, or the schema is none.
    """
    model = read_model(cls)
    fields = fields_of(schema)
    attributes = {attribute.key: attribute for attribute in model.attributes}
    found: list[Finding] = []
    for field in fields:
        # Who reads looks a value up by its alias; who writes passes it on by the field's own name.
        key = field.source if purpose == "read" else field.name
        attribute = attributes.pop(key, None)
        if attribute is not None:
            found += _compared(field, attribute, purpose)
        elif not hasattr(cls, key):
            message = f"{cls.__name__} has no attribute {key!r}: rename the field, or remove it"
            found.append(Finding(field.name, "unknown-field", message))
    found += _missing(model, attributes, purpose)
    return tuple(found)


def _missing(
    model: Model, attributes: Mapping[str, Attribute], purpose: Purpose
) -> Iterator[Finding]:
    name = model.cls.__name__
    for key, attribute in attributes.items():
        if purpose == "read" and not attribute.is_secret:
            yield Finding(key, "missing-field", f"no field shows {name}.{key}")
        elif purpose == "update" and attribute.role.is_updated:
            yield Finding(key, "missing-field", f"no field changes {name}.{key}")
        elif purpose == "create" and attribute.role.is_created:
            if attribute.is_optional:
                yield Finding(key, "missing-field", f"no field sets {name}.{key}")
            else:
                message = f"a new {name} needs a value for {key}: add a field for it"
                yield Finding(key, "missing-required", message)


def _compared(field: SchemaField, attribute: Attribute, purpose: Purpose) -> Iterator[Finding]:
    if purpose == "read":
        yield from read_findings(field, attribute)
        return
    role = attribute.role
    allowed = role.is_created if purpose == "create" else role.is_updated
    if not allowed and not role.is_guessed:
        message = f"clients do not set it, it is {role.value}: remove the field"
        yield Finding(field.name, "not-writable", message)
        return
    yield from write_findings(field, attribute)
