"""The query parameters of a list, as one model: ``Annotated[Model, Query()]`` reads them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, Field, create_model

from holdfast.errors import ConfigurationError
from holdfast.query.cursor import LONGEST_CURSOR
from holdfast.query.filters import Filter
from holdfast.query.search import SearchValue, TextSearch
from holdfast.query.sort import MOST_SORT_KEYS
from holdfast.query.values import annotated

__all__ = (
    "MAX_OFFSET",
    "ListParameters",
    "given_filters",
    "names_in",
    "parameter_model",
)

MAX_OFFSET = 1_000_000
"""The most rows that are skipped to reach a page."""

_MOST_NAMES = 100

_TOTALS: Mapping[str, str] = {
    "exact": "`exact` counts the rows",
    "estimated": "`estimated` takes the number from the planner",
    "none": "`none` leaves it out",
}


class ListParameters(BaseModel):
    """The query parameters of a list; what a client left out is None, or the default it is told."""


def parameter_model(  # noqa: PLR0913 - one keyword for each thing that can be set
    name: str,
    *,
    filters: Sequence[Filter] = (),
    search: TextSearch | None = None,
    sort: Sequence[str] = (),
    default_sort: str | None = None,
    pagination: Literal["offset", "cursor"] | None = "offset",
    page_size: int = 20,
    max_page_size: int = 100,
    totals: Sequence[str] = (),
    fields: Sequence[str] = (),
    include: Sequence[str] = (),
) -> type[ListParameters]:
    """Make the model of a list's query parameters, each with its type, bounds and description.

    Its fields are ``limit``, ``offset`` or ``cursor``, ``sort``, ``q``, ``total``, ``fields``,
    ``include``, as far as the arguments ask for them, and one for each filter: ``Filter.field``.

    Args:
        name: The name of the model.
        filters: What may be filtered by.
        search: What ``q`` looks in.
        sort: The names of the sort keys.
        default_sort: The order where none is asked for, to be told.
        pagination: How pages are asked for; None where the list has no pages.
        page_size: The rows of a page unless ``limit`` is given.
        max_page_size: The most rows of a page.
        totals: What a client may ask for as ``total``, the default first. One is no choice, and has
            no parameter.
        fields: The names that ``fields`` may list.
        include: The names that ``include`` may list.

    Raises:
        ConfigurationError: A filter has the name of another parameter.
    """
    made: dict[str, Any] = {}
    if pagination is not None:
        made |= _page_parameters(pagination, page_size, max_page_size)
    if sort:
        made["sort"] = _optional(*_sort(sort, default_sort))
    if search is not None:
        made["q"] = _optional(SearchValue, search.description)
    if len(totals) > 1:
        made["total"] = _total(totals)
    for listed, names in (("fields", fields), ("include", include)):
        if names:
            made[listed] = _optional(*_names(listed, names))
    _check_names(filters, made)
    for each in filters:
        made[each.field] = _optional(
            each.annotation, each.description, alias=each.parameter, title=each.parameter
        )
    return create_model(name, __base__=ListParameters, **made)


def _check_names(filters: Iterable[Filter], taken: Mapping[str, Any]) -> None:
    for each in filters:
        if each.parameter in taken:
            raise ConfigurationError(
                f"The filter {each.parameter!r} has the name of another parameter of the list. "
                f"Declare another operator of {each.path.column}, such as `in`, "
                "or give the attribute another name."
            )


def _nothing() -> Any:
    return None


def _optional(hint: Any, description: str, **options: Any) -> tuple[Any, Any]:
    # Neither `| None` nor a default of None: no text in a query means null, and no document of the
    # parameter should say so.
    field: Any = Field(default_factory=_nothing, description=description, **options)
    return hint, field


def _page_parameters(pagination: str, page_size: int, max_page_size: int) -> dict[str, Any]:
    limit: Any = Field(
        default=page_size, ge=1, le=max_page_size, description="The most rows of the page."
    )
    made: dict[str, Any] = {"limit": (int, limit)}
    if pagination == "offset":
        offset: Any = Field(
            default=0, ge=0, le=MAX_OFFSET, description="How many rows to skip before the page."
        )
        made["offset"] = (int, offset)
    else:
        text = annotated(str, Field(max_length=LONGEST_CURSOR, pattern=r"^[A-Za-z0-9_-]+$"))
        told = "Where the page begins: `next_cursor` or `previous_cursor` of another page."
        made["cursor"] = _optional(text, told)
    return made


def _total(totals: Sequence[str]) -> tuple[Any, Any]:
    told = ", ".join(_TOTALS.get(total, f"`{total}`") for total in totals)
    field: Any = Field(
        default=totals[0], description=f"How the number of all rows is found: {told}."
    )
    return cast("Any", Literal)[tuple(totals)], field


def _sort(keys: Sequence[str], default: str | None) -> tuple[Any, str]:
    told = "The order of the rows: one or more of " + ", ".join(f"`{key}`" for key in keys)
    told += ", separated by commas, each with a minus before it for the descending order."
    told += f" Without it `{default}`." if default else ""
    key = "|".join(re.escape(key) for key in keys)
    pattern = f"^-?({key})(,-?({key})){{0,{MOST_SORT_KEYS - 1}}}$"
    return _listing(pattern, keys, MOST_SORT_KEYS), told


def _names(parameter: str, names: Sequence[str]) -> tuple[Any, str]:
    told = {
        "fields": "Which fields to answer with, all others left out: ",
        "include": "What to answer with as well: ",
    }[parameter]
    told += "one or more of " + ", ".join(f"`{name}`" for name in names)
    told += ", separated by commas."
    name = "|".join(re.escape(name) for name in names)
    return _listing(f"^({name})(,({name}))*$", names, _MOST_NAMES), told


def _listing(pattern: str, names: Sequence[str], most: int) -> Any:
    longest = max(map(len, names)) + 2
    return annotated(str, Field(max_length=longest * most, pattern=pattern))


def given_filters(
    parameters: BaseModel, filters: Iterable[Filter]
) -> tuple[tuple[Filter, Any], ...]:
    """Return the filters that a client has used, each with its value.

    Args:
        parameters: What the model made of the query.
        filters: The filters that the model was made with.
    """
    found = ((each, getattr(parameters, each.field)) for each in filters)
    return tuple((each, value) for each, value in found if value is not None)


def names_in(text: str | None) -> frozenset[str] | None:
    """Return the names that ``fields`` or ``include`` lists, or None where it was left out."""
    return None if text is None else frozenset(text.split(","))
