"""The source of schemas: one file, as Ruff would format it."""

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.errors import ConfigurationError
from holdfast.schemas.classes import VALIDATOR, Field, Schema, schemas_of
from holdfast.schemas.mapping import read_model
from holdfast.schemas.names import import_lines, named
from holdfast.schemas.syntax import (
    WIDTH,
    Brackets,
    Code,
    Either,
    Expression,
    Names,
    comment,
    lines_of,
    width_of,
)

__all__ = ("source_of",)

HEAD = '"""Schemas that `holdfast schemas` began from the mapping: to keep, and to edit."""'


def source_of(models: Sequence[Any]) -> str:
    """Return the source of the schemas of some models, as one file.

    Args:
        models: Mapped classes.

    Raises:
        ConfigurationError: One is not mapped, two are called the same, or a type of a column
            cannot be imported.
    """
    schemas = [schema for cls in models for schema in schemas_of(read_model(cls))]
    classes = [schema.name for schema in schemas]
    for name in classes:
        if classes.count(name) > 1:
            raise ConfigurationError(
                f"Two models would both have a schema {name}. Write them into files of their own."
            )
    references = [reference for schema in schemas for reference in schema.references()]
    taken = {*classes, *(field.key for schema in schemas for field in schema.fields)}
    names = named(references, taken)
    own = {cls.__module__.partition(".")[0] for cls in models}
    parts = [HEAD, "", *import_lines(names, own)]
    for schema in schemas:
        parts += ["", "", *_class_lines(schema, names)]
    return "\n".join(parts) + "\n"


def _class_lines(schema: Schema, names: Names) -> list[str]:
    bases = ", ".join(line for base in schema.bases for line in lines_of(base, names))
    lines = [*(comment(schema.comment, 0) if schema.comment else ())]
    if schema.decorator is not None:
        lines += lines_of(schema.decorator, names, before="@")
    lines += [f"class {schema.name}({bases}):", f'    """{schema.docstring}"""']
    if schema.config is not None:
        lines += ["", *lines_of(schema.config, names, before="model_config = ", depth=1)]
    if schema.fields:
        lines += ["", *(line for field in schema.fields for line in _field_lines(field, names))]
    if schema.remarks:
        left_out = (f"{remark.key}: left out, {remark.text}." for remark in schema.remarks)
        lines += ["", *(line for text in left_out for line in comment(text, 1))]
    if schema.refuse_null:
        lines += ["", *_refusal(schema.refuse_null, names)]
    return lines


def _field_lines(field: Field, names: Names) -> list[str]:
    lines = comment(field.comment, 1) if field.comment else []
    start = f"{field.key}: "
    if field.default is None:
        return [*lines, *lines_of(field.annotation, names, before=start, depth=1)]
    default = " ".join(lines_of(field.default, names))
    written = lines_of(field.annotation, names, before=start, after=f" = {default}", depth=1)
    can_be_split = len(written) == 1 or not _is_plain(field.annotation)
    if can_be_split and all(width_of(line) <= WIDTH for line in written):
        return [*lines, *written]
    # The default is what is split, so that its first line has to fit behind the annotation.
    head = field.default.head if isinstance(field.default, Brackets) else Code("")
    opening = f"{''.join(lines_of(head, names))}("
    *first, last = lines_of(field.annotation, names, before=start, after=f" = {opening}", depth=1)
    before = last.strip().removesuffix(opening)
    return [*lines, *first, *lines_of(field.default, names, before=before, depth=1)]


def _is_plain(annotation: Expression) -> bool:
    """Tell whether a type has no brackets, so that its default is split before it is."""
    members = annotation.members if isinstance(annotation, Either) else (annotation,)
    return not any(isinstance(member, Brackets) for member in members)


def _refusal(keys: Iterable[str], names: Names) -> list[str]:
    quoted = ", ".join(f'"{key}"' for key in keys)
    head = f'    @{names[VALIDATOR]}({quoted}, mode="before")'
    if len(head) > WIDTH:
        arguments = (*(f'"{key}"' for key in keys), 'mode="before"')
        head = "\n".join(
            [f"    @{names[VALIDATOR]}(", *(f"        {part}," for part in arguments), "    )"]
        )
    return [
        *head.split("\n"),
        "    @classmethod",
        "    def _refuse_null(cls, value: object) -> object:",
        '        """Refuse null, which is not the same as leaving the choice to the column."""',
        "        if value is None:",
        '            message = "leave it out, or give a value"',
        "            raise ValueError(message)",
        "        return value",
    ]
