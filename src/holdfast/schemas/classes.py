"""The three schemas of a model, as classes that are not yet source: what is read and written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.errors import ConfigurationError
from holdfast.schemas.annotations import FIELD, accepted, annotated, shown
from holdfast.schemas.expressions import ANY, NONE
from holdfast.schemas.mapping import Attribute, Model, Remark
from holdfast.schemas.syntax import (
    Code,
    Either,
    Expression,
    Keyword,
    Prose,
    Reference,
    call,
    references_in,
    subscript,
)

__all__ = ("Field", "Schema", "schemas_of")

CONFIG = Reference("pydantic", "ConfigDict")
STRICT = call(CONFIG, extra=Code('"forbid"'))
VALIDATOR = Reference("pydantic", "field_validator")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a schema.

    Attributes:
        key: Its name.
        annotation: Its type.
        default: What stands behind ``=``.
        comment: What stands above it.
    """

    key: str
    annotation: Expression
    default: Expression | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema.

    Attributes:
        name: The name of the class.
        bases: What it derives from.
        docstring: What it is for.
        comment: What stands above it.
        decorator: What it is decorated with.
        config: Its Pydantic configuration.
        fields: Its fields.
        refuse_null: The fields that can be left out, for a default that is made elsewhere, and are
            never null.
        remarks: What is left out, and why.
    """

    name: str
    bases: tuple[Expression, ...]
    docstring: str
    comment: str | None = None
    decorator: Expression | None = None
    config: Expression | None = None
    fields: tuple[Field, ...] = ()
    refuse_null: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def references(self) -> Iterator[Reference]:
        """Yield all that it needs."""
        own = [self.decorator, self.config, *self.bases]
        for field in self.fields:
            own += [field.annotation, field.default]
        if self.refuse_null:
            own.append(VALIDATOR)
        for expression in own:
            if expression is not None:
                yield from references_in(expression)


def schemas_of(model: Model) -> tuple[Schema, ...]:
    """Return the schemas of a model: to read, and to create and to update where it has a table.

    Raises:
        ConfigurationError: The type of a column cannot be imported.
    """
    try:
        if not model.is_writable:
            return (_read(model),)
        return _read(model), _create(model), _update(model)
    except LookupError as error:
        raise ConfigurationError(
            f"A schema of {model.cls.__name__} cannot be written: {error.args[0]}. "
            "Define it at the top of a module."
        ) from error


def _read(model: Model) -> Schema:
    fields = [
        Field(a.key, _described(_or_none(shown(a.value, a.declaration), a), a))
        for a in model.attributes
        if not a.is_secret
    ]
    secrets = [
        Remark(a.key, "a secret, which no answer shows") for a in model.attributes if a.is_secret
    ]
    settings: dict[str, Expression] = {"from_attributes": Code("True")}
    if any(a.value.python is bytes for a in model.attributes):
        settings["ser_json_bytes"] = Code('"base64"')
    return Schema(
        f"{model.cls.__name__}Read",
        (Reference("pydantic", "BaseModel"),),
        f"{model.cls.__name__}, as it is shown.",
        config=call(CONFIG, **settings),
        fields=tuple(fields),
        remarks=(*secrets, *model.remarks),
    )


def _create(model: Model) -> Schema:
    created = [a for a in model.attributes if a.role.is_created]
    # The first have to be given, and the rest have defaults.
    fields = [_created(a) for a in sorted(created, key=lambda a: a.is_optional)]
    return Schema(
        f"{model.cls.__name__}Create",
        (Reference("pydantic", "BaseModel"),),
        f"What a new {model.cls.__name__} is made of.",
        config=STRICT,
        fields=tuple(fields),
        refuse_null=tuple(a.key for a in created if _is_made_elsewhere(a) and not a.nullable),
        remarks=_left_out([a for a in model.attributes if not a.role.is_created], model),
    )


def _update(model: Model) -> Schema:
    updated = [a for a in model.attributes if a.role.is_updated]
    fields: list[Field] = []
    for attribute in updated:
        inner, arguments = accepted(attribute.value, attribute.declaration)
        annotation = _described(_or_none(inner, attribute), attribute, arguments)
        fields.append(Field(attribute.key, annotation))
    return Schema(
        f"{model.cls.__name__}Update",
        (Reference("typing_extensions", "TypedDict"), Keyword("total", Code("False"))),
        f"Changes to {model.cls.__name__}: the fields that are sent.",
        comment="A TypedDict, so that a field that is not sent is absent: "
        "it is not null, and has no default.",
        decorator=call(Reference("pydantic", "with_config"), STRICT),
        fields=tuple(fields),
        remarks=_left_out([a for a in model.attributes if not a.role.is_updated], model),
    )


def _created(attribute: Attribute) -> Field:
    inner, arguments = accepted(attribute.value, attribute.declaration)
    default = attribute.default
    if not attribute.is_optional:
        return Field(attribute.key, _described(_or_none(inner, attribute), attribute, arguments))
    if not _is_made_elsewhere(attribute):
        annotation = _described(_or_none(inner, attribute), attribute, arguments)
        return Field(attribute.key, annotation, _source(attribute, inner))
    text = f"Where it is not sent, it is: {default.text}" if default is not None else None
    if attribute.nullable:
        annotation = _described(_or_none(inner, attribute), attribute, arguments)
        return Field(attribute.key, annotation, NONE, text)
    no_null = subscript(Reference("pydantic.json_schema", "SkipJsonSchema"), NONE)
    annotation = _described(Either((inner, no_null)), attribute, arguments)
    nothing = call(FIELD, default_factory=Code("lambda: None"))
    return Field(attribute.key, annotation, nothing, text)


def _is_made_elsewhere(attribute: Attribute) -> bool:
    default = attribute.default
    made = default is not None and default.source is None and default.empty is None
    return made and attribute.is_optional


def _source(attribute: Attribute, inner: Expression) -> Expression:
    default = attribute.default
    if default is None:
        return NONE
    if default.empty is not None:
        return call(FIELD, default_factory=_empty(default.empty, inner))
    source = default.source or NONE
    return call(FIELD, default_factory=source) if default.is_factory else source


def _empty(cls: type[Any], inner: Expression) -> Expression:
    """Return what makes an empty collection, of items that type checkers can tell."""
    if inner == Reference("pydantic", "JsonValue") or inner == ANY:
        items = (Reference("", "str"), inner) if cls is dict else (inner,)
        return subscript(Reference("", cls.__name__), *items)
    return inner


def _or_none(inner: Expression, attribute: Attribute) -> Expression:
    if not attribute.nullable or inner == ANY:
        return inner
    return Either((*inner.members, NONE)) if isinstance(inner, Either) else Either((inner, NONE))


def _described(
    inner: Expression, attribute: Attribute, arguments: tuple[Expression, ...] = ()
) -> Expression:
    doc = " ".join((attribute.doc or "").partition("\n\n")[0].split())
    if doc:
        arguments = (*arguments, Keyword("description", Prose(doc)))
    return annotated(inner, arguments)


def _left_out(attributes: list[Attribute], model: Model) -> tuple[Remark, ...]:
    remarks = [Remark(attribute.key, attribute.role.value) for attribute in attributes]
    return (*remarks, *(remark for remark in model.remarks if remark.in_writes))
