"""What Pydantic would do with a schema: its fields, the names it looks them up by, what is nested.

It is read from the core schema that Pydantic compiles, not from annotations, so that generics,
aliases, forward references and alias generators mean here what they mean to Pydantic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from holdfast.errors import ConfigurationError
from holdfast.plan.core import (
    FUNCTIONS,
    HOLDS_FIELDS,
    Core,
    Definitions,
    functions_in,
    looks_at_other_fields,
    serializer_of,
    users_function_of,
)

__all__ = ("Nested", "ObjectSchema", "SchemaField", "SchemaReader")

_OBJECTS = {"model", "dataclass", "typed-dict"}
_COLLECTIONS = {
    "dict",
    "frozenset",
    "generator",
    "list",
    "set",
    "tuple",
}
# Where a part holds further parts. Values come from Python, and are validated laxly.
_CHILDREN = {"json-or-python": ("python_schema",), "lax-or-strict": ("lax_schema",)}
_CHILDREN_OF_OTHERS = ("schema", "items_schema", "values_schema", "choices", "steps")


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A field of a schema.

    Attributes:
        name: Its name in the class.
        lookups: The names by which Pydantic finds its value, in the order it tries them. More than
            one part is a path into the value.
        shown_as: The name in the answer, None where the field is left out of it.
        required: Whether there is no default.
        core: How the value is validated and serialised.
        functions: The user's functions that validate it, and all that serialise it.
        sees_others: Whether one of them may look at other fields.
    """

    name: str
    lookups: tuple[tuple[str | int, ...], ...]
    shown_as: str | None
    required: bool
    core: Core
    functions: tuple[Any, ...]
    sees_others: bool


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """A model, dataclass or TypedDict.

    Attributes:
        cls: The class.
        kind: ``model``, ``dataclass`` or ``typed-dict``.
        fields: Its fields, in their order.
        computed: Names of the computed fields: in the class, and in the answer.
        validators: The functions that see all of its fields, before, after or around validation.
        early: Those of them that see what is validated, rather than what came of it.
        serializers: The functions that make its answer from all of its fields.
        has_hook: Whether it runs code of its own once it is made, such as ``__post_init__``.
        takes_extra: Whether it keeps what none of its fields names.
    """

    cls: type[Any]
    kind: str
    fields: tuple[SchemaField, ...]
    computed: tuple[tuple[str, str], ...]
    validators: tuple[Any, ...]
    early: tuple[Any, ...]
    serializers: tuple[Any, ...]
    has_hook: bool
    takes_extra: bool

    @property
    def name(self) -> str:
        """The name of the class, for messages."""
        return self.cls.__name__

    def why_whole(self) -> Iterator[str]:
        """Yield why no field can be left out of what is validated."""
        if self.validators or self.has_hook:
            yield f"a validator of {self.name} sees all of its fields"
        if self.serializers:
            yield f"a serializer of {self.name} sees all of its fields"
        for field in self.fields:
            if field.sees_others:
                yield f"what validates or serializes {self.name}.{field.name} may see other fields"


@dataclass(frozen=True, slots=True)
class Nested:
    """What the value of a field is made of.

    Attributes:
        objects: The schemas in it, each as the core schema of an object.
        many: Whether they are in a list, set, tuple or dict.
        nullable: Whether None is accepted.
        functions: The user's functions that see the value before it is validated.
    """

    objects: tuple[Core, ...]
    many: bool
    nullable: bool
    functions: tuple[Any, ...]


class SchemaReader:
    """Reads one schema and what is nested in it.

    Args:
        schema: A Pydantic model, dataclass or TypedDict.

    Raises:
        ConfigurationError: Pydantic cannot make sense of it, or it is something else.
    """

    def __init__(self, schema: Any) -> None:
        self._definitions: dict[str, Core] = {}
        try:
            core: Core = TypeAdapter(schema).core_schema
            found = self.nested(core)
        except PydanticSchemaGenerationError as error:
            reason = str(error).partition(". ")[0]
            raise ConfigurationError(
                f"Pydantic cannot use {schema!r} as a schema: {reason}. "
                "Pass a Pydantic model, a dataclass or a TypedDict, of types that Pydantic knows."
            ) from error
        except (PydanticUserError, NameError) as error:
            raise ConfigurationError(
                f"Pydantic cannot use {schema!r} as a schema: {error} Define what it names first."
            ) from error
        if len(found.objects) != 1 or found.many or found.nullable:
            raise ConfigurationError(
                f"{schema!r} is no schema of a row. "
                "Pass a Pydantic model, a dataclass or a TypedDict."
            )
        self.root = found.objects[0]

    def nested(self, core: Core) -> Nested:
        """Return which schemas the value of a field is made of."""
        objects: list[Core] = []
        functions: list[Any] = []
        many = nullable = False
        stack = [(core, True)]
        while stack:
            part, is_outer = stack.pop()
            part = self._resolved(part)
            kind = part["type"]
            if self._is_object(part):
                objects.append(part)
                continue
            if kind in FUNCTIONS - {"function-after"}:
                functions += users_function_of(part)
            many = many or kind in _COLLECTIONS
            nullable = nullable or (is_outer and kind in {"any", "none", "nullable"})
            is_outer = is_outer and kind not in _COLLECTIONS
            stack.extend((child, is_outer) for child in _children(part))
        return Nested(tuple(objects), many, nullable, tuple(functions))

    def read(self, core: Core) -> ObjectSchema:
        """Return the object that a core schema is about, functions around it included."""
        parts = [self._resolved(core)]
        while parts[-1]["type"] not in HOLDS_FIELDS:
            parts.append(self._resolved(parts[-1]["schema"]))
        outer = next(part for part in parts if part["type"] in _OBJECTS)
        inner = parts[-1]
        config: Core = outer.get("config", {})
        extra = inner.get("extra_behavior", config.get("extra_fields_behavior"))
        functions = [part for part in parts if part["type"] in FUNCTIONS]
        return ObjectSchema(
            cls=outer["cls"],
            kind=outer["type"],
            fields=tuple(_fields(inner, config, self._definitions)),
            computed=tuple(
                (field["property_name"], field.get("alias", field["property_name"]))
                for field in inner.get("computed_fields", ())
            ),
            validators=tuple(part["function"]["function"] for part in functions),
            early=tuple(
                part["function"]["function"]
                for part in functions
                if part["type"] != "function-after"
            ),
            serializers=tuple(f for part in parts for f in serializer_of(part)),
            has_hook=bool(outer.get("custom_init") or outer.get("post_init")),
            takes_extra=extra == "allow",
        )

    def _is_object(self, part: Core) -> bool:
        """Tell whether a part is an object, or functions around one."""
        while part["type"] in FUNCTIONS and "schema" in part:
            part = self._resolved(part["schema"])
        return part["type"] in _OBJECTS and not part.get("root_model")

    def _resolved(self, core: Core) -> Core:
        while core["type"] in {"definition-ref", "definitions"}:
            if core["type"] == "definitions":
                self._definitions |= {part["ref"]: part for part in core["definitions"]}
                core = core["schema"]
            else:
                core = self._definitions[core["schema_ref"]]
        return core


def _children(part: Core) -> Iterator[Core]:
    """Yield the parts that a value of a part is made of, or may be."""
    for key in _CHILDREN.get(part["type"], _CHILDREN_OF_OTHERS):
        found: Any = part.get(key)
        if isinstance(found, dict) and "type" not in found:
            yield from cast("dict[str, Core]", found).values()  # choices by their tags
            continue
        children: Any = [found] if found is None or isinstance(found, dict) else found
        for child in cast("list[Core | tuple[Core, str] | None]", children):
            # A choice may come with its label.
            core = child[0] if isinstance(child, tuple) else child
            if core is not None:
                yield core


def _fields(inner: Core, config: Core, definitions: Definitions) -> Iterator[SchemaField]:
    by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
    by_alias = config.get("validate_by_alias", True)
    fields: Any = inner["fields"]
    if not isinstance(fields, dict):
        fields = {part["name"]: part for part in fields}
    for name, part in cast("dict[str, Core]", fields).items():
        if part.get("init_only") or part.get("init") is False:
            continue
        aliases = _lookups(part.get("validation_alias")) if by_alias else ()
        yield SchemaField(
            name=name,
            lookups=(*aliases, (name,)) if by_name or not aliases else aliases,
            shown_as=(
                None if part.get("serialization_exclude") else part.get("serialization_alias", name)
            ),
            required=part["schema"]["type"] != "default" and part.get("required", True),
            core=part["schema"],
            functions=functions_in(part["schema"], definitions),
            sees_others=looks_at_other_fields(part["schema"], definitions),
        )


def _lookups(alias: Any) -> tuple[tuple[str | int, ...], ...]:
    if alias is None:
        return ()
    if isinstance(alias, str):
        return ((alias,),)
    if isinstance(alias[0], list):
        return tuple(tuple(path) for path in alias)
    return (tuple(alias),)
