"""From a checked ``FilterConfig`` to query parameters, and from their values to filters."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import EnumMeta
from inspect import Parameter
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin

from advanced_alchemy.filters import (
    BeforeAfter,
    BooleanFilter,
    ChoicesFilter,
    CollectionFilter,
    FilterTypes,
    LimitOffset,
    NotInCollectionFilter,
    OrderBy,
    SearchFilter,
)
from advanced_alchemy.utils.dependencies import (
    FieldNameType,
    FilterConfig,
)
from fastapi import Query
from pydantic import AfterValidator, BeforeValidator

from holdfast.wiring.filter_config import (
    DependencyDefaults,
    choice_fields,
    ordered_fields,
    search_fields,
    sort_fields,
)

__all__ = ("FilterPart", "filter_parts")


class FilterPart(NamedTuple):
    """Some query parameters, and the filter that their values make, in that order.

    No filter is made where the request does not ask for one.
    """

    parameters: tuple[Parameter, ...]
    make: Callable[..., FilterTypes | None]


def _read_iso_8601(value: object) -> object:
    # Pydantic alone rejects week dates and a date followed by Z, and reads the basic format
    # 20240131 as a Unix time. What is not ISO 8601 at all goes on to Pydantic, for its error.
    if isinstance(value, str):
        text = value.replace("Z", "+00:00")
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return value


def _with_offset(value: datetime) -> datetime:
    # Advanced Alchemy's DateTimeUTC columns refuse to bind a time without an offset, and convert
    # every other one to UTC, which the first and last hours of the calendar do not survive.
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        message = "the time is outside the years 1 to 9999 in UTC"
        raise ValueError(message) from error
    return value


_Instant = Annotated[datetime, BeforeValidator(_read_iso_8601), AfterValidator(_with_offset)]


def _readable(hint: Any) -> Any:
    """Let a choice whose value is no string be named by its text.

    Pydantic compares such members with the string from the query, which never equals a number.
    """
    choices: tuple[Any, ...] = ()
    if get_origin(hint) is Literal:
        choices = get_args(hint)
    elif isinstance(hint, EnumMeta):
        choices = tuple(hint)
    named = {str(getattr(choice, "value", choice)): choice for choice in choices}
    if all(getattr(choice, "value", choice) == text for text, choice in named.items()):
        return hint
    return _annotated(hint, BeforeValidator(lambda value: named.get(value, value)))


def _annotated(hint: Any, metadata: object) -> Any:
    return cast("Any", Annotated)[hint, metadata]


def _several(container: type, hint: Any) -> Any:
    return GenericAlias(container, (_readable(hint),)) | None


def _parameter(name: str, hint: Any, default: object, query: Any) -> Parameter:
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=_annotated(hint, query)
    )


def _ids(config: FilterConfig, key: str, aliases: Mapping[str, str]) -> FilterPart:
    hint = _several(list, config.get("id_filter"))
    field = config.get("id_field", "id")

    def make(values: list[Any] | None) -> FilterTypes | None:
        return CollectionFilter(field_name=field, values=values) if values else None

    query = Query(alias=aliases["ids"], description="Keep only what has one of these ids.")
    return FilterPart((_parameter(key, hint, None, query),), make)


def _period(event: str, key: str, aliases: Mapping[str, str]) -> FilterPart:
    def bound(side: str) -> Parameter:
        query = Query(
            alias=aliases[f"{event}_{side}"],
            description=f"Keep only what was {event} {side} this time; without an offset, UTC.",
        )
        return _parameter(f"{key}_{side}", _Instant | None, None, query)

    def make(before: datetime | None, after: datetime | None) -> FilterTypes | None:
        if before is None and after is None:
            return None
        return BeforeAfter(field_name=f"{event}_at", before=before, after=after)

    return FilterPart((bound("before"), bound("after")), make)


def _page(size: int, key: str, aliases: Mapping[str, str]) -> FilterPart:
    def positive(name: str, default: int, description: str) -> Parameter:
        query = Query(alias=aliases[name], ge=1, description=description)
        return _parameter(f"{key}_{name}", int, default, query)

    def make(number: int, size: int) -> FilterTypes:
        return LimitOffset(limit=size, offset=size * (number - 1))

    return FilterPart(
        (
            positive("current_page", 1, "The page to answer, from 1."),
            positive("page_size", size, "How many items a page has."),
        ),
        make,
    )


def _search(config: FilterConfig, key: str, aliases: Mapping[str, str]) -> FilterPart:
    fields = search_fields(config.get("search", ""))
    escape_wildcards = config.get("search_escape_wildcards", False)

    def make(value: str | None, ignore_case: bool | None) -> FilterTypes | None:
        if value is None:
            return None
        return SearchFilter(
            field_name=set(fields),
            value=value,
            ignore_case=bool(ignore_case),
            escape_wildcards=escape_wildcards,
        )

    text = Query(alias=aliases["search_string"], description="Keep only what contains this text.")
    case = Query(
        alias=aliases["search_ignore_case"], description="Whether upper and lower case are one."
    )
    ignore_case = config.get("search_ignore_case", False)
    return FilterPart(
        (
            _parameter(f"{key}_string", str | None, None, text),
            _parameter(f"{key}_ignore_case", bool | None, ignore_case, case),
        ),
        make,
    )


def _order(config: FilterConfig, key: str, aliases: Mapping[str, str]) -> FilterPart:
    fields = sort_fields(config.get("sort_field", []))
    default_order = config.get("sort_order", "desc")
    nulls = config.get("sort_nulls")

    def make(field: str, order: Literal["asc", "desc"]) -> FilterTypes:
        return OrderBy(field_name=field, sort_order=order, nulls=nulls)

    by = Query(
        alias=aliases["order_by"],
        description="The field to sort by.",
        # Pydantic alone documents a single choice as `const`, not as `enum`.
        json_schema_extra={"enum": list(fields)},
    )
    order = Query(alias=aliases["sort_order"], description="Ascending or descending.")
    return FilterPart(
        (
            _parameter(f"{key}_field", cast("Any", Literal)[fields], fields[0], by),
            _parameter(f"{key}_order", Literal["asc", "desc"], default_order, order),
        ),
        make,
    )


def _membership(
    field: FieldNameType, kind: str, description: str, aliases: Mapping[str, str]
) -> FilterPart:
    filter_type = CollectionFilter[Any] if kind == "in" else NotInCollectionFilter[Any]

    def make(values: set[Any] | None) -> FilterTypes | None:
        return filter_type(field_name=field.name, values=values) if values else None

    query = Query(alias=aliases[f"{field.name}_{kind}"], description=description)
    hint = _several(set, field.type_hint)
    return FilterPart((_parameter(f"{field.name}_{kind}_filter", hint, None, query),), make)


def _flag(field: FieldNameType, aliases: Mapping[str, str]) -> FilterPart:
    def make(value: bool | None) -> FilterTypes | None:
        return None if value is None else BooleanFilter(field_name=field.name, value=value)

    query = Query(
        alias=aliases[field.name], description=f"Keep only what has this value in {field.name}."
    )
    name = f"{field.name}_boolean_filter"
    return FilterPart((_parameter(name, bool | None, None, query),), make)


def _choices(field: FieldNameType, aliases: Mapping[str, str]) -> FilterPart:
    def make(values: list[Any] | None) -> FilterTypes | None:
        return ChoicesFilter(field_name=field.name, values=values) if values else None

    query = Query(
        alias=aliases[field.name], description=f"Keep only what has one of these in {field.name}."
    )
    hint = _several(list, field.type_hint)
    return FilterPart((_parameter(f"{field.name}_choices_filter", hint, None, query),), make)


def _whole_row_parts(
    config: FilterConfig, defaults: DependencyDefaults, aliases: Mapping[str, str]
) -> Iterator[FilterPart]:
    if "id_filter" in config:
        yield _ids(config, defaults.ID_FILTER_DEPENDENCY_KEY, aliases)
    if "created_at" in config:
        yield _period("created", defaults.CREATED_FILTER_DEPENDENCY_KEY, aliases)
    if "updated_at" in config:
        yield _period("updated", defaults.UPDATED_FILTER_DEPENDENCY_KEY, aliases)
    if "pagination_type" in config:
        size = config.get("pagination_size", defaults.DEFAULT_PAGINATION_SIZE)
        yield _page(size, defaults.LIMIT_OFFSET_FILTER_DEPENDENCY_KEY, aliases)
    if config.get("search"):
        yield _search(config, defaults.SEARCH_FILTER_DEPENDENCY_KEY, aliases)
    if "sort_field" in config:
        yield _order(config, defaults.ORDER_BY_FILTER_DEPENDENCY_KEY, aliases)


def _field_parts(config: FilterConfig, aliases: Mapping[str, str]) -> Iterator[FilterPart]:
    for field in ordered_fields(config.get("not_in_fields", [])):
        yield _membership(field, "not_in", f"Leave out these values of {field.name}.", aliases)
    for field in ordered_fields(config.get("in_fields", [])):
        yield _membership(field, "in", f"Keep only these values of {field.name}.", aliases)
    for field in ordered_fields(config.get("boolean_fields", [])):
        yield _flag(field, aliases)
    for field in choice_fields(config.get("choice_fields", [])):
        yield _choices(field, aliases)


def filter_parts(
    config: FilterConfig, defaults: DependencyDefaults, aliases: Mapping[str, str]
) -> tuple[FilterPart, ...]:
    """List the parts that a checked config asks for, in the order in which filters apply.

    Args:
        config: What ``checked_config`` returned.
        defaults: Parameter names and the page size where the config is silent.
        aliases: The public name of each query parameter, by its snake_case name.
    """
    return (*_whole_row_parts(config, defaults, aliases), *_field_parts(config, aliases))
