"""What a ``FilterConfig`` may say, checked before anything is built from it."""

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, NamedTuple, TypeGuard, Unpack, cast, get_args, get_origin

from advanced_alchemy.utils.dependencies import (
    ChoiceFieldConfig,
    FieldNameConfig,
    FieldNameType,
    SortField,
    normalize_choice_field_types,
    normalize_field_name_types,
)
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper

from holdfast.errors import ConfigurationError
from holdfast.wiring.filter_options import DependencyDefaults, FilterConfig, Limits

__all__ = (
    "checked_config",
    "checked_limits",
    "choice_fields",
    "ordered_fields",
    "search_fields",
    "sort_fields",
)


def search_fields(value: str | Collection[str]) -> frozenset[str]:
    """Name the fields of ``search``, which may be one string with commas."""
    names = value.split(",") if isinstance(value, str) else value
    return frozenset(name.strip() for name in names)


def sort_fields(value: SortField) -> tuple[str, ...]:
    """Name the fields of ``sort_field``, the default first; only a list has an order of its own."""
    if isinstance(value, str):
        return (value,)
    return tuple(dict.fromkeys(value) if isinstance(value, list) else sorted(value))


def ordered_fields(value: FieldNameConfig) -> tuple[FieldNameType, ...]:
    """Name the fields of ``in_fields`` and its like, in the same order in every process."""
    fields = normalize_field_name_types(value)
    if not isinstance(value, list):
        return tuple(sorted(fields, key=lambda field: field.name))
    names = [item if isinstance(item, str) else item.name for item in value]
    return tuple(sorted(fields, key=lambda field: names.index(field.name)))


def _is_collection(value: object) -> TypeGuard[Collection[object]]:
    return isinstance(value, list | set | frozenset | tuple)


def _is_field_name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier()


def choice_fields(value: ChoiceFieldConfig) -> tuple[FieldNameType, ...]:
    """Name the fields of ``choice_fields`` with the type of one choice, in the config's order."""
    return tuple(
        FieldNameType(field.name, _without_unpack(field.type_hint))
        for field in normalize_choice_field_types(value)
    )


def _without_unpack(hint: Any) -> Any:
    # A Literal can be iterated, so upstream takes `("kind", Literal["a", "b"])` for choices given
    # one by one, and unpacks it into the Literal that it makes of them.
    inner = get_args(hint)
    if get_origin(hint) is Literal and len(inner) == 1 and get_origin(inner[0]) is Unpack:
        return get_args(inner[0])[0]
    return hint


def _one_of(*texts: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in texts


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INT32


def _is_size(value: object) -> bool:
    return _is_offset(value) and value != 0


def _is_model(value: object) -> bool:
    return isinstance(value, type) and isinstance(inspect(value, raiseerr=False), Mapper)


def _is_sort_field(value: object) -> bool:
    names = value if _is_collection(value) else [value]
    return len(names) > 0 and all(_is_field_name(name) for name in names)


def _is_search(value: object) -> bool:
    if isinstance(value, str):
        return not value or all(_is_field_name(name) for name in search_fields(value))
    return _is_collection(value) and all(_is_field_name(name) for name in value)


def _is_parameter_type(hint: Any) -> bool:
    """Tell whether FastAPI can read one query value as this type."""
    origin = get_origin(hint) or hint
    if isinstance(origin, type) and not issubclass(origin, str | bytes):
        if issubclass(origin, Collection | BaseModel) or is_dataclass(hint):
            return False
    elif hint is None or isinstance(hint, str):
        return False
    try:
        hash(hint)
        TypeAdapter(hint)
    except (TypeError, PydanticUserError):
        return False
    return True


def _is_id_filter(value: object) -> bool:
    return value is False or _is_parameter_type(value)


def _is_field(value: object) -> bool:
    if isinstance(value, FieldNameType):
        return _is_field_name(value.name) and _is_parameter_type(value.type_hint)
    return _is_field_name(value)


def _is_fields(value: object) -> bool:
    if isinstance(value, str | FieldNameType):
        return not value or _is_field(value)
    return _is_collection(value) and all(_is_field(item) for item in value)


def _is_choice_fields(value: object) -> bool:
    if isinstance(value, Mapping):
        return False
    try:
        fields = choice_fields(cast("FieldNameType", value)) if value else ()
    except (TypeError, ValueError):
        return False
    return all(_is_field(field) for field in fields)


def _is_alias_generator(value: object) -> bool:
    return callable(value) or _one_of("snake_case", "camel_case")(value)


_INT32 = 2**31  # SQLAlchemy sends LIMIT and OFFSET as numbers of 32 bits.


class _Rule(NamedTuple):
    holds: Callable[[object], bool]
    instead: str


_SIZE = _Rule(_is_size, "a whole number above zero and below 2**31")
_FLAG = _Rule(_is_bool, "True or False")
_FIELDS = _Rule(
    _is_fields,
    'field names, each as a string or as `FieldNameType("status", Status)` with the type of '
    "one value, in a list or a set",
)
_ON_BY_DEFAULT = frozenset({"search_escape_wildcards", "stable_order"})
_RULES: Mapping[str, _Rule] = {
    "id_filter": _Rule(_is_id_filter, "the type of one id, such as `uuid.UUID`"),
    "id_field": _Rule(_is_field_name, 'the name of one field, such as `"id"`'),
    "sort_field": _Rule(
        _is_sort_field,
        'one field name or a list of them, such as `["name", "created_at"]`, or leave the key out',
    ),
    "sort_order": _Rule(_one_of("asc", "desc"), '"asc" or "desc"'),
    "sort_nulls": _Rule(_one_of("first", "last"), '"first", "last" or None'),
    "pagination_type": _Rule(_one_of("limit_offset"), '"limit_offset"'),
    "pagination_size": _SIZE,
    "max_pagination_size": _SIZE,
    "max_offset": _Rule(_is_offset, "a whole number from zero and below 2**31"),
    "max_values": _SIZE,
    "max_search_length": _SIZE,
    "stable_order": _FLAG,
    "model": _Rule(_is_model, "the mapped class that the list is of"),
    "search": _Rule(_is_search, 'field names, such as `["name", "email"]` or `"name,email"`'),
    "search_ignore_case": _FLAG,
    "search_escape_wildcards": _FLAG,
    "created_at": _FLAG,
    "updated_at": _FLAG,
    "not_in_fields": _FIELDS,
    "in_fields": _FIELDS,
    "boolean_fields": _FIELDS,
    "choice_fields": _Rule(
        _is_choice_fields,
        "field names with their choices, such as "
        '`[ChoiceField("status", ("active", "closed"))]` or `[("status", Status)]`',
    ),
    "alias_generator": _Rule(
        _is_alias_generator,
        '"snake_case", "camel_case", or a function from the snake_case name to the public one',
    ),
}


_RULES_OF_DEFAULTS: Mapping[str, _Rule] = {
    "DEFAULT_PAGINATION_SIZE": _RULES["pagination_size"],
    "MAX_PAGINATION_SIZE": _RULES["max_pagination_size"],
    "MAX_OFFSET": _RULES["max_offset"],
    "MAX_VALUES": _RULES["max_values"],
    "MAX_SEARCH_LENGTH": _RULES["max_search_length"],
}


def _unknown_key(key: object) -> ConfigurationError:
    near = difflib.get_close_matches(str(key), _RULES, n=1)
    instead = f"Did you mean {near[0]!r}?" if near else f"Write one of: {', '.join(_RULES)}."
    return ConfigurationError(f"provide_filters does not know the key {key!r}. {instead}")


def checked_config(config: FilterConfig) -> FilterConfig:
    """Check every key and value of ``config``.

    Returns:
        A config without the keys that are off, by ``None``, by ``False`` or by default.

    Raises:
        ConfigurationError: For an unknown key, or a value that its key does not take.
    """
    if not isinstance(cast("object", config), Mapping):
        raise ConfigurationError(
            f"provide_filters got {config!r}. "
            'Write a dictionary, such as `{"pagination_type": "limit_offset"}`.'
        )
    checked: dict[str, object] = {}
    for key, value in config.items():
        if key not in _RULES:
            raise _unknown_key(key)
        rule = _RULES[key]
        if value is not None and not rule.holds(value):
            raise ConfigurationError(
                f"provide_filters cannot take {value!r} for {key!r}. Write {rule.instead}."
            )
        if value is not None and value is not (key in _ON_BY_DEFAULT):
            checked[key] = value
    return cast("FilterConfig", cast("object", checked))


def checked_limits(config: FilterConfig, defaults: DependencyDefaults) -> Limits:
    """Find what bounds the parameters of a checked config.

    Raises:
        ConfigurationError: For a default that is no such number, or a default page above the cap.
    """
    for name, rule in _RULES_OF_DEFAULTS.items():
        value = getattr(defaults, name)
        if not rule.holds(value):
            raise ConfigurationError(
                f"{name} of {type(defaults).__name__} is {value!r}. Write {rule.instead}."
            )
    size, cap = config.get("pagination_size"), config.get("max_pagination_size")
    if size is not None and cap is not None and size > cap:
        raise ConfigurationError(
            f"provide_filters got a `pagination_size` of {size} above the `max_pagination_size` "
            f"of {cap}. Write one that is at most {cap}."
        )
    if size is None:
        size = min(defaults.DEFAULT_PAGINATION_SIZE, cap or defaults.DEFAULT_PAGINATION_SIZE)
    return Limits(
        default_page_size=size,
        page_size=cap or max(size, defaults.MAX_PAGINATION_SIZE),
        offset=config.get("max_offset", defaults.MAX_OFFSET),
        values=config.get("max_values", defaults.MAX_VALUES),
        search_length=config.get("max_search_length", defaults.MAX_SEARCH_LENGTH),
    )
