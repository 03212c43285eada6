"""The form of each option, for those whom no type checker has told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy.orm import QueryableAttribute, RelationshipProperty

from holdfast.errors import ConfigurationError
from holdfast.query.scope import Scope
from holdfast.query.search import Search

__all__ = ("check_forms",)


def check_forms(options: Mapping[str, Any]) -> None:
    """Check that each option has the form it is to have, whatever it says.

    Args:
        options: Those that were given, by name.

    Raises:
        ConfigurationError: One has another; the message shows how it is written.
    """
    for name, value in options.items():
        fits, remedy = _FORMS.get(name, (_is_anything, ""))
        # None is what leaving an option out comes to.
        if value is not None and not fits(value):
            shown = str(value) if _is_attribute(value) else repr(value)
            raise ConfigurationError(f"{name}={shown} has another form. Write {remedy}.")


def _is_anything(_: object) -> bool:
    return True


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_attribute(value: object) -> bool:
    return isinstance(value, QueryableAttribute)


def _are_attributes(value: object) -> bool:
    return _is_list(value) and all(map(_is_attribute, cast("Sequence[Any]", value)))


def _are_relations(value: object) -> bool:
    return _are_attributes(value) and all(
        isinstance(attribute.property, RelationshipProperty)
        for attribute in cast("Sequence[Any]", value)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _of(*types: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, types)


_FORMS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "key": (
        lambda value: _is_attribute(value) or (_are_attributes(value) and bool(value)),
        "an attribute, such as `key=Author.slug`, or a list of them",
    ),
    "filters": (
        _of(Mapping),
        'each attribute with its operators: `filters={Author.name: ["eq", "contains"]}`',
    ),
    "search": (
        lambda value: _is_list(value) or isinstance(value, Search),
        "a list of attributes: `search=[Author.name]`, or a `Search`",
    ),
    "sort": (_is_list, "a list of attributes: `sort=[Author.name]`"),
    "default_sort": (_of(str), "the order as clients do: `default_sort='-created_at,name'`"),
    "page_size": (_is_number, "a number of rows"),
    "max_page_size": (_is_number, "a number of rows"),
    "totals": (_is_list, "a list: `totals=['exact', 'none']`"),
    "include": (
        _are_relations,
        "a list of relations: `include=[Author.books]`; for columns there is `sparse=True`",
    ),
    "scope": (
        lambda value: isinstance(value, Scope) or callable(value),
        "a `Scope`, or a dependency that returns criteria",
    ),
    "settings": (
        _of(Mapping),
        "each name with its dependency: `settings={'app.tenant_id': current_tenant}`",
    ),
    "show_secrets": (_are_attributes, "a list of attributes: `show_secrets=[Author.api_key]`"),
    "nested": (_is_list, "a list of relations: `nested=[Author.books]`"),
    "bulk": (_is_number, "the most rows that one request may write: `bulk=100`"),
}
