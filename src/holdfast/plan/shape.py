"""The shape of an answer: a schema, less what a request leaves out, and what it includes besides.

What is left out is absent from the answer, not null.
"""

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any, NamedTuple, cast

from pydantic import TypeAdapter
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.errors import ConfigurationError
from holdfast.plan.loading import is_whole, loader_options
from holdfast.plan.nodes import Node, RelationField
from holdfast.plan.presenting import presenter
from holdfast.plan.sparse import sparse_schema
from holdfast.query.refusals import invalid_parameter

__all__ = ("EVERYTHING", "Choice", "Shape")


class Choice(NamedTuple):
    """What a request asks for.

    Attributes:
        fields: The fields, by their names in the answer; None for all.
        include: The optional relations.
    """

    fields: frozenset[str] | None = None
    include: frozenset[str] = frozenset()


EVERYTHING = Choice()
"""Every field, and no optional relation."""


class Shape:
    """What answers about a mapped class look like.

    Args:
        node: What the schema reads.
        sparse: Whether requests may choose fields.
        page: The generic class of a page, such as ``OffsetPagination``; its rows are ``items``.

    Attributes:
        schema: What one row is documented as: the schema, or one of which fields may be absent.
        page: What a page is documented as, None where there is none.
        field_names: The fields that requests may choose, none where they may not.
        include_names: The relations that requests may include.

    Raises:
        ConfigurationError: Something can be left out, but a serializer of the schema makes the
            answer.
    """

    def __init__(self, node: Node, *, sparse: bool = False, page: Any = None) -> None:
        optional = {
            field.name: field.shown_as
            for field in node.fields
            if isinstance(field, RelationField) and field.is_optional and field.shown_as
        }
        fixed = {f.name: f.shown_as for f in node.fields if f.shown_as and f.name not in optional}
        fixed |= dict(node.computed)
        self.node = node
        self.include_names = tuple(optional.values())
        self.field_names = tuple(fixed.values()) if sparse else ()
        # Fields that are left out of every answer are not read for a sparse one either.
        every = {f.name for f in node.fields} | {name for name, _ in node.computed}
        absent = frozenset(every if sparse else optional)
        if absent and node.serializes_itself:
            raise ConfigurationError(
                f"A serializer of {node.schema.__name__} makes its answer, so nothing can be left "
                "out of it. Remove the serializer, or `sparse=` and `include=`."
            )
        self.schema: Any = sparse_schema(node, absent) if absent else node.schema
        self.page: Any = None if page is None else page[self.schema]
        self._names = fixed | optional
        self._whole = _Adapters.of(node.schema, page)
        self._sparse = _Adapters.of(self.schema, page) if absent else self._whole

    def choice(self, fields: str | None, include: str | None) -> Choice:
        """Return what a request asks for, from the values of its parameters.

        Args:
            fields: The value of ``fields``: names, with commas between them.
            include: The value of ``include``, likewise.

        Raises:
            ProblemError: 422: there is no such name, or one is given twice.
        """
        chosen = None if fields is None else _names_in("fields", fields, self.field_names)
        included = _names_in("include", include, self.include_names) if include is not None else ()
        return Choice(None if chosen is None else frozenset(chosen), frozenset(included))

    def options(self, choice: Choice = EVERYTHING) -> tuple[ORMOption, ...]:
        """Return what makes a SELECT read what a request asks for, and no more."""
        return loader_options(self.node, fields=choice.fields, include=choice.include)

    def encode(self, value: Any, choice: Choice = EVERYTHING) -> bytes:
        """Return the JSON of an entity, or of a page of entities.

        Args:
            value: An instance of the node's class, or the page: a mapping, or an object with the
                page's attributes.
            choice: What the request asks for, which the entities were loaded by.
        """
        adapters = self._whole
        if choice.fields is not None and not is_whole(self.node, choice.fields):
            adapters = self._sparse
        present = presenter(self.node, fields=choice.fields, include=choice.include)
        shown = choice.include | (
            frozenset(self._names.values()).difference(self.include_names)
            if choice.fields is None
            else choice.fields
        )
        left_out = {name for name, shown_as in self._names.items() if shown_as not in shown}
        if isinstance(value, self.node.mapped_class):
            return _dumped(adapters.row, present(value), left_out)
        members = _members(value)
        items = [present(entity) for entity in members["items"]]
        return _dumped(adapters.page, {**members, "items": items}, {"items": {"__all__": left_out}})


class _Adapters(NamedTuple):
    """What validates and encodes a row, and a page of them."""

    row: TypeAdapter[Any]
    page: TypeAdapter[Any]

    @classmethod
    def of(cls, schema: Any, page: Any) -> "_Adapters":
        row: TypeAdapter[Any] = TypeAdapter(schema)
        return cls(row, row if page is None else TypeAdapter(page[schema]))


def _dumped(adapter: TypeAdapter[Any], value: Any, left_out: Any) -> bytes:
    # As FastAPI does for a response model.
    validated = adapter.validate_python(value, from_attributes=True)
    return adapter.dump_json(validated, exclude=left_out, by_alias=True)


def _members(page: Any) -> Mapping[str, Any]:
    if isinstance(page, Mapping):
        return cast("Mapping[str, Any]", page)
    if is_dataclass(page):
        return {field.name: getattr(page, field.name) for field in dataclass_fields(page)}
    return cast("dict[str, Any]", vars(page))


def _names_in(parameter: str, text: str, allowed: tuple[str, ...]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if any(name not in allowed for name in names):
        known = ", ".join(allowed) or "none"
        raise invalid_parameter(parameter, f"Input should name some of: {known}", "unknown_name")
    if len(set(names)) < len(names):
        raise invalid_parameter(parameter, "Input should name each once", "repeated_name")
    return names
