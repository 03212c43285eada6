"""Schemas whose fields may be absent: what an answer is documented as, and validated with."""

from collections.abc import Callable, Collection
from typing import Any, NotRequired, Required, cast, get_origin

from typing_extensions import TypedDict, get_type_hints

from holdfast.errors import ConfigurationError
from holdfast.plan.core import HOLDS_FIELDS, Core
from holdfast.plan.nodes import Node

__all__ = ("sparse_schema",)


def sparse_schema(node: Node, absent: Collection[str]) -> Any:
    """Return a schema like that of a node, of which some fields may be absent.

    It validates the others as the node's schema does, with its validators and serializers, and is
    named after it: ``SparseAuthorRead``.

    Args:
        node: Whose schema it is.
        absent: The names of these fields and computed fields, as the schema's class has them.

    Raises:
        ConfigurationError: The schema is no class, such as ``Row[int]``.
    """
    schema = node.schema
    if not isinstance(schema, type):
        raise ConfigurationError(
            f"Fields of {schema!r} cannot be left out, because it is no class of its own. "
            "Derive a class from it, and pass that."
        )
    name = f"Sparse{schema.__name__}"
    if node.kind == "typed-dict":
        return _sparse_typed_dict(name, schema, absent)
    shown = {f.name: f.shown_as for f in node.fields} | dict(node.computed)
    unnamed = {shown[field] for field in absent}

    def core_schema(_: Any, source: Any, handler: Any) -> Any:
        return _with_absent(handler(source), absent, handler.resolve_ref_schema)

    def json_schema(_: Any, core: Any, handler: Any) -> Any:
        found = handler(core)
        described = handler.resolve_ref_schema(found)
        required = [each for each in described.pop("required", ()) if each not in unnamed]
        if required:
            described["required"] = required
        return found

    # The docstring that `@dataclass` writes is about the class alone.
    generated = (schema.__doc__ or "").startswith(f"{schema.__name__}(")
    members = {
        "__doc__": None if generated else schema.__doc__,
        "__module__": schema.__module__,
        "__get_pydantic_core_schema__": classmethod(core_schema),
        "__get_pydantic_json_schema__": classmethod(json_schema),
    }
    return type(schema)(name, (schema,), members)


def _with_absent(core: Core, absent: Collection[str], resolve: Callable[[Any], Core]) -> Core:
    if core["type"] == "definition-ref":
        core = resolve(core)
    if core["type"] not in HOLDS_FIELDS:
        return {**core, "schema": _with_absent(core["schema"], absent, resolve)}
    fields: Any = core["fields"]
    if isinstance(fields, dict):
        named = cast("dict[str, Core]", fields)
        return {
            **core,
            "fields": {k: _absent(f) if k in absent else f for k, f in named.items()},
        }
    each = cast("list[Core]", fields)
    return {**core, "fields": [_absent(f) if f["name"] in absent else f for f in each]}


def _absent(field: Core) -> Core:
    """Give a field a default that is never shown: a factory, so that no document names it."""
    inner: Core = field["schema"]
    if inner["type"] == "default":
        inner = inner["schema"]
    return {**field, "schema": {"type": "default", "schema": inner, "default_factory": _nothing}}


def _nothing() -> None:
    return None


def _sparse_typed_dict(name: str, schema: type[Any], absent: Collection[str]) -> Any:
    fields: dict[str, Any] = {}
    for key, hint in get_type_hints(schema, include_extras=True).items():
        origin: Any = get_origin(hint)
        plain = hint.__args__[0] if origin in {NotRequired, Required} else hint
        stays = key in cast("Any", schema).__required_keys__ and key not in absent
        fields[key] = plain if stays else NotRequired[plain]
    made: Any = cast("Any", TypedDict)(name, fields)
    made.__module__ = schema.__module__
    made.__doc__ = schema.__doc__
    config = getattr(schema, "__pydantic_config__", None)
    if config is not None:
        made.__pydantic_config__ = config
    return made
