"""A wrong filter config fails when the dependency is made, and says what to write."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, cast

import pytest
from advanced_alchemy.exceptions import ImproperConfigurationError

from holdfast.errors import ConfigurationError
from holdfast.wiring.filters import (
    DependencyDefaults,
    FieldNameType,
    FilterConfig,
    provide_filters,
)


@dataclass
class Point:
    x: int


def refusal(config: object, *args: Any) -> str:
    """Make a dependency that cannot be made: the sentence of the error."""
    with pytest.raises(ConfigurationError) as caught:
        provide_filters(cast("FilterConfig", config), *args)
    assert isinstance(caught.value, ImproperConfigurationError)
    return str(caught.value)


def test_unknown_key() -> None:
    """An unknown key is answered with the nearest known one."""
    assert refusal({"serach": "name"}) == (
        "provide_filters does not know the key 'serach'. Did you mean 'search'?"
    )


def test_unknown_key_far_from_all() -> None:
    """An unknown key like no other is answered with all of them."""
    sentence = refusal({"zzz": 1})
    assert "'zzz'. Write one of: id_filter, id_field, sort_field" in sentence


@pytest.mark.parametrize(
    ("key", "value", "instead"),
    [
        ("id_filter", True, "the type of one id, such as `uuid.UUID`"),
        ("id_filter", "UUID", "the type of one id"),
        ("id_filter", dict[str, str], "the type of one id"),
        ("id_filter", list, "the type of one id"),
        ("id_filter", object(), "the type of one id"),
        ("id_field", "", 'the name of one field, such as `"id"`'),
        ("id_field", ["id"], "the name of one field"),
        ("sort_field", "", 'such as `["name", "created_at"]`'),
        ("sort_field", [], "or leave the key out"),
        ("sort_field", set[str](), "or leave the key out"),
        ("sort_field", "name,email", "one field name or a list of them"),
        ("sort_field", [1], "one field name or a list of them"),
        ("sort_order", "up", '"asc" or "desc"'),
        ("sort_order", ["asc"], '"asc" or "desc"'),
        ("sort_nulls", "middle", '"first", "last" or None'),
        ("pagination_type", "cursor", '"limit_offset"'),
        ("pagination_size", 0, "a whole number above zero"),
        ("pagination_size", -1, "a whole number above zero"),
        ("pagination_size", True, "a whole number above zero"),
        ("pagination_size", "20", "a whole number above zero"),
        ("max_pagination_size", 0, "a whole number above zero"),
        ("max_pagination_size", 2**31, "below 2**31"),
        ("max_offset", -1, "a whole number from zero"),
        ("max_offset", 2**31, "below 2**31"),
        ("max_offset", True, "a whole number from zero"),
        ("max_values", 0, "a whole number above zero"),
        ("max_search_length", 1.5, "a whole number above zero"),
        ("stable_order", "name", "True or False"),
        ("model", "Author", "the mapped class"),
        ("model", Point, "the mapped class"),
        ("search", "name,,email", 'such as `["name", "email"]` or `"name,email"`'),
        ("search", ["first name"], "field names"),
        ("search", 3, "field names"),
        ("search_ignore_case", "yes", "True or False"),
        ("search_escape_wildcards", 1, "True or False"),
        ("created_at", "created", "True or False"),
        ("updated_at", 1, "True or False"),
        ("in_fields", [("status", int)], '`FieldNameType("status", Status)`'),
        ("in_fields", {"status": int}, "in a list or a set"),
        ("in_fields", [FieldNameType("tags", list[str])], "the type of one value"),
        ("in_fields", [FieldNameType("tags", Point)], "the type of one value"),
        ("in_fields", [FieldNameType("tags", None)], "the type of one value"),
        ("in_fields", [FieldNameType("tags", Annotated[int, []])], "the type of one value"),
        ("not_in_fields", "first name", "field names"),
        ("boolean_fields", [1], "field names"),
        ("choice_fields", [("status", ())], '`[("status", Status)]`'),
        ("choice_fields", {"status": ("a", "b")}, '`[("status", Status)]`'),
        ("choice_fields", [3], '`[("status", Status)]`'),
        ("choice_fields", 3, '`[("status", Status)]`'),
        ("choice_fields", [("not a name", ("a",))], '`[("status", Status)]`'),
        ("alias_generator", "kebab-case", '"snake_case", "camel_case", or a function'),
    ],
)
def test_wrong_value(key: str, value: object, instead: str) -> None:
    """A value that its key does not take is named, with what to write instead."""
    sentence = refusal({key: value})
    assert sentence.startswith(f"provide_filters cannot take {value!r} for {key!r}. Write ")
    assert instead in sentence


def test_not_a_dictionary() -> None:
    """A config that is no dictionary is answered with one."""
    assert 'Write a dictionary, such as `{"pagination_type"' in refusal(["name"])


def test_colliding_aliases() -> None:
    """A generator that gives two parameters one name is refused, naming the parameter."""
    sentence = refusal({"created_at": True, "alias_generator": lambda name: name.split("_")[0]})
    assert "duplicate query parameter 'created'" in sentence
    assert sentence.endswith("returns a name of its own for each parameter.")


def test_one_field_twice() -> None:
    """A field that is listed twice for one kind of filter, with two types, is refused."""
    config = {"in_fields": ["status", FieldNameType("status", int)]}
    assert "'status_in_filter'. Write each field once" in refusal(config)


def test_default_names_that_meet() -> None:
    """Two filters whose default names meet both read the value, and a warning says so."""
    with pytest.warns(UserWarning, match="Two filters read the query parameter 'statusIn'"):
        provide_filters({"boolean_fields": ["status_in"], "in_fields": ["status"]})


def test_wrong_default_size() -> None:
    """A default page size that is not above zero is refused, naming its class."""

    class Endless(DependencyDefaults):
        DEFAULT_PAGINATION_SIZE = 0

    assert "DEFAULT_PAGINATION_SIZE of Endless is 0" in refusal({}, Endless())


@pytest.mark.parametrize(
    "name", ["MAX_PAGINATION_SIZE", "MAX_OFFSET", "MAX_VALUES", "MAX_SEARCH_LENGTH"]
)
def test_wrong_default_limit(name: str) -> None:
    """A default limit that is no such number is refused, naming it."""
    defaults = type("Endless", (DependencyDefaults,), {name: None})
    assert f"{name} of Endless is None. Write a whole number" in refusal({}, defaults())


def test_page_above_the_cap() -> None:
    """A page size above the cap of the same config is refused, naming both."""
    config = {"pagination_type": "limit_offset", "pagination_size": 50, "max_pagination_size": 20}
    assert refusal(config) == (
        "provide_filters got a `pagination_size` of 50 above the `max_pagination_size` of 20. "
        "Write one that is at most 20."
    )


def test_switched_on_by_default() -> None:
    """What is on by default can be written down without a difference, and switched off."""
    plain: FilterConfig = {"search": "name"}
    on: FilterConfig = {"search": "name", "search_escape_wildcards": True, "stable_order": True}
    off: FilterConfig = {"search": "name", "search_escape_wildcards": False}
    assert provide_filters(on) is provide_filters(plain)
    assert provide_filters(off) is not provide_filters(plain)


def test_switched_off() -> None:
    """``None`` and ``False`` switch a filter off, as leaving out its key does."""
    off = {"id_filter": None, "created_at": False, "sort_field": None, "pagination_type": None}
    assert provide_filters(cast("FilterConfig", off)) is provide_filters({})


def test_enum_types() -> None:
    """An enum is a type of one value, though its class can be iterated."""

    class Status(Enum):
        ACTIVE = "active"

    provide_filters({"in_fields": [FieldNameType("status", Status)]})
