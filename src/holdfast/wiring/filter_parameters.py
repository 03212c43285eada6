"""From a checked ``FilterConfig`` to query parameters, and from their values to filters."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from inspect import Parameter
from typing import Any, Literal, NamedTuple, cast

from advanced_alchemy.filters import (
    BooleanFilter,
    ChoicesFilter,
    CollectionFilter,
    FilterTypes,
    LimitOffset,
    NotInCollectionFilter,
    OrderBy,
    SearchFilter,
)
from advanced_alchemy.utils.dependencies import FieldNameType
from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from holdfast.wiring import filter_instants, filter_integers, filter_order
from holdfast.wiring.filter_config import (
    choice_fields,
    ordered_fields,
    search_fields,
    sort_fields,
)
from holdfast.wiring.filter_options import DependencyDefaults, FilterConfig, Limits
from holdfast.wiring.filter_values import Instant, SearchText, annotated, several

__all__ = ("FilterPart", "filter_parts")


class FilterPart(NamedTuple):
    """Some query parameters, and the filter that their values make, in that order.

    No filter is made where the request does not ask for one.
    """

    parameters: tuple[Parameter, ...]
    make: Callable[..., FilterTypes | None]


def _parameter(name: str, hint: Any, default: object, query: Any) -> Parameter:
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=annotated(hint, query)
    )


def _ids(config: FilterConfig, limits: Limits, key: str, aliases: Mapping[str, str]) -> FilterPart:
    hint = several(config.get("id_filter"), limits.values)
    field = config.get("id_field", "id")
    filter_type = _collection_type(config.get("id_filter"), leave_out=False)

    def make(values: list[Any] | None) -> FilterTypes | None:
        return filter_type(field_name=field, values=values) if values else None

    query = Query(alias=aliases["ids"], description="Keep only what has one of these ids.")
    return FilterPart((_parameter(key, hint, None, query),), make)


def _period(event: str, key: str, aliases: Mapping[str, str]) -> FilterPart:
    def bound(side: str) -> Parameter:
        query = Query(
            alias=aliases[f"{event}_{side}"],
            description=f"Keep only what was {event} {side} this time; without an offset, UTC.",
        )
        return _parameter(f"{key}_{side}", Instant, None, query)

    def make(before: datetime | None, after: datetime | None) -> FilterTypes | None:
        if before is None and after is None:
            return None
        return filter_instants.BeforeAfter(field_name=f"{event}_at", before=before, after=after)

    return FilterPart((bound("before"), bound("after")), make)


def _page(config: FilterConfig, limits: Limits, key: str, aliases: Mapping[str, str]) -> FilterPart:
    page = filter_order.LimitOffset if config.get("stable_order", True) else LimitOffset
    number_alias = aliases["current_page"]

    def make(number: int, size: int) -> FilterTypes:
        last = limits.offset // size + 1
        if number > last:
            raise _page_too_deep(number_alias, number, last)
        return page(limit=size, offset=size * (number - 1))

    number = Query(
        alias=number_alias,
        ge=1,
        le=limits.offset + 1,
        description=f"The page to answer, from 1; at most {limits.offset} items come before it.",
    )
    size = Query(
        alias=aliases["page_size"],
        ge=1,
        le=limits.page_size,
        description="How many items a page has.",
    )
    return FilterPart(
        (
            _parameter(f"{key}_current_page", int, 1, number),
            _parameter(f"{key}_page_size", int, limits.default_page_size, size),
        ),
        make,
    )


def _page_too_deep(alias: str, number: int, last: int) -> RequestValidationError:
    # What FastAPI would say, if the bound did not depend on the size of the page.
    message = f"Input should be less than or equal to {last}"
    error = {"type": "less_than_equal", "loc": ("query", alias), "msg": message}
    return RequestValidationError([error | {"input": str(number), "ctx": {"le": last}}])


def _search(
    config: FilterConfig, limits: Limits, key: str, aliases: Mapping[str, str]
) -> FilterPart:
    fields = search_fields(config.get("search", ""))
    escape_wildcards = config.get("search_escape_wildcards", True)

    def make(value: str | None, ignore_case: bool | None) -> FilterTypes | None:
        if value is None:
            return None
        return SearchFilter(
            field_name=set(fields),
            value=value,
            ignore_case=bool(ignore_case),
            escape_wildcards=escape_wildcards,
        )

    hint = annotated(SearchText, Field(max_length=limits.search_length))
    text = Query(alias=aliases["search_string"], description="Keep only what contains this text.")
    case = Query(
        alias=aliases["search_ignore_case"], description="Whether upper and lower case are one."
    )
    ignore_case = config.get("search_ignore_case", False)
    return FilterPart(
        (
            _parameter(f"{key}_string", hint, None, text),
            _parameter(f"{key}_ignore_case", bool, ignore_case, case),
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
    field: FieldNameType, limits: Limits, aliases: Mapping[str, str], *, leave_out: bool
) -> FilterPart:
    kind, verb = ("not_in", "Leave out") if leave_out else ("in", "Keep only")
    filter_type = _collection_type(field.type_hint, leave_out=leave_out)

    def make(values: list[Any] | None) -> FilterTypes | None:
        return filter_type(field_name=field.name, values=set(values)) if values else None

    query = Query(
        alias=aliases[f"{field.name}_{kind}"], description=f"{verb} these values of {field.name}."
    )
    hint = several(field.type_hint, limits.values)
    return FilterPart((_parameter(f"{field.name}_{kind}_filter", hint, None, query),), make)


def _collection_type(
    hint: Any, *, leave_out: bool
) -> type[CollectionFilter[Any] | NotInCollectionFilter[Any]]:
    if hint is datetime:
        return (
            filter_instants.NotInCollectionFilter if leave_out else filter_instants.CollectionFilter
        )
    if hint is int:
        return (
            filter_integers.NotInCollectionFilter if leave_out else filter_integers.CollectionFilter
        )
    return NotInCollectionFilter if leave_out else CollectionFilter


def _flag(field: FieldNameType, aliases: Mapping[str, str]) -> FilterPart:
    def make(value: bool | None) -> FilterTypes | None:
        return None if value is None else BooleanFilter(field_name=field.name, value=value)

    query = Query(
        alias=aliases[field.name], description=f"Keep only what has this value in {field.name}."
    )
    name = f"{field.name}_boolean_filter"
    return FilterPart((_parameter(name, bool, None, query),), make)


def _choices(field: FieldNameType, limits: Limits, aliases: Mapping[str, str]) -> FilterPart:
    def make(values: list[Any] | None) -> FilterTypes | None:
        return ChoicesFilter(field_name=field.name, values=values) if values else None

    query = Query(
        alias=aliases[field.name], description=f"Keep only what has one of these in {field.name}."
    )
    hint = several(field.type_hint, limits.values)
    return FilterPart((_parameter(f"{field.name}_choices_filter", hint, None, query),), make)


def _whole_row_parts(
    config: FilterConfig, defaults: DependencyDefaults, limits: Limits, aliases: Mapping[str, str]
) -> Iterator[FilterPart]:
    if "id_filter" in config:
        yield _ids(config, limits, defaults.ID_FILTER_DEPENDENCY_KEY, aliases)
    if "created_at" in config:
        yield _period("created", defaults.CREATED_FILTER_DEPENDENCY_KEY, aliases)
    if "updated_at" in config:
        yield _period("updated", defaults.UPDATED_FILTER_DEPENDENCY_KEY, aliases)
    if "pagination_type" in config:
        yield _page(config, limits, defaults.LIMIT_OFFSET_FILTER_DEPENDENCY_KEY, aliases)
    if config.get("search"):
        yield _search(config, limits, defaults.SEARCH_FILTER_DEPENDENCY_KEY, aliases)
    if "sort_field" in config:
        yield _order(config, defaults.ORDER_BY_FILTER_DEPENDENCY_KEY, aliases)


def _field_parts(
    config: FilterConfig, limits: Limits, aliases: Mapping[str, str]
) -> Iterator[FilterPart]:
    for field in ordered_fields(config.get("not_in_fields", [])):
        yield _membership(field, limits, aliases, leave_out=True)
    for field in ordered_fields(config.get("in_fields", [])):
        yield _membership(field, limits, aliases, leave_out=False)
    for field in ordered_fields(config.get("boolean_fields", [])):
        yield _flag(field, aliases)
    for field in choice_fields(config.get("choice_fields", [])):
        yield _choices(field, limits, aliases)


def filter_parts(
    config: FilterConfig, defaults: DependencyDefaults, limits: Limits, aliases: Mapping[str, str]
) -> tuple[FilterPart, ...]:
    """List the parts that a checked config asks for, in the order in which filters apply.

    Args:
        config: What ``checked_config`` returned.
        defaults: The parameters' names.
        limits: What bounds them.
        aliases: The public name of each query parameter, by its snake_case name.
    """
    return (
        *_whole_row_parts(config, defaults, limits, aliases),
        *_field_parts(config, limits, aliases),
    )
