"""Parts of the core schemas that Pydantic compiles, and the functions in them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

__all__ = (
    "FUNCTIONS",
    "HOLDS_FIELDS",
    "Core",
    "Definitions",
    "functions_in",
    "is_moment_or_flag",
    "looks_at_other_fields",
    "serializer_of",
    "users_function_of",
)

Core = Mapping[str, Any]
"""One part of a core schema."""

Definitions = Mapping[str, Core]
"""Parts that others refer to, by name."""

FUNCTIONS = {"function-after", "function-before", "function-plain", "function-wrap"}
"""The types of those parts that call a function to validate."""

HOLDS_FIELDS = {"dataclass-args", "model-fields", "typed-dict"}
"""The types of those parts that hold the fields of an object."""


def functions_in(core: Core, definitions: Definitions) -> tuple[Any, ...]:
    """Return the user's functions that validate a value, and all that serialise it."""
    found: list[Any] = []
    for part in _parts(core, definitions):
        found += serializer_of(part)
        found += users_function_of(part) if part.get("type") in FUNCTIONS else ()
    return tuple(found)


def is_moment_or_flag(core: Core) -> bool:
    """Tell whether a value is a date, a time or a yes or no."""
    while core["type"] in {"default", "nullable"}:
        core = core["schema"]
    return core["type"] in {"bool", "date", "datetime", "time", "timedelta"}


def looks_at_other_fields(core: Core, definitions: Definitions) -> bool:
    """Tell whether a function that validates or serialises a value may see other fields."""
    for part in _parts(core, definitions):
        serializer: Core = part.get("serialization") or {}
        if serializer.get("is_field_serializer"):  # a method: it has the whole object
            return True
        if part.get("type") == "with-info" and _is_users(part["function"]):
            return True
    return False


def _parts(core: Core, definitions: Definitions) -> Iterator[Core]:
    """Yield every part of a core schema, whatever it is for, named ones once."""
    skipped = {"config", "default", "expected", "members", "metadata", "serialization"}
    stack: list[Any] = [core]
    seen: set[str] = set()
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            found = cast("dict[str, Any]", part)
            yield found
            ref: str = found["schema_ref"] if found.get("type") == "definition-ref" else ""
            if ref in definitions and ref not in seen:
                seen.add(ref)
                stack.append(definitions[ref])
            stack.extend(value for key, value in found.items() if key not in skipped)
        elif isinstance(part, list | tuple):
            stack.extend(cast("Sequence[Any]", part))


def serializer_of(part: Core) -> tuple[Any, ...]:
    """Return the function that serialises a part, if one does."""
    found: Core = part.get("serialization") or {}
    return (found["function"],) if "function" in found else ()


def users_function_of(part: Core) -> tuple[Any, ...]:
    """Return the function that a part validates with, unless it is Pydantic's own."""
    function = part["function"]["function"]
    return (function,) if _is_users(function) else ()


def _is_users(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    return module.partition(".")[0] not in {"annotated_types", "builtins", "pydantic"}
