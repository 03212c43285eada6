"""What a resource is declared with, and what each declaration defaults to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.crud.forms import check_forms
from holdfast.crud.scoping import ScopeDeclaration
from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute, AttributePath
from holdfast.query.filters import FilterDeclarations
from holdfast.query.search import Search

__all__ = ("Declaration", "Pagination", "ResourceOptions", "Total", "declared")

Pagination = Literal["offset", "cursor"]
Total = Literal["exact", "estimated", "none"]


class ResourceOptions(TypedDict, total=False):
    """What a resource may be declared with; nothing that is left out is offered.

    Attributes:
        key: The unique attribute, or attributes, that say in a URL which row is meant; by default
            the primary key.
        filters: The operators that each attribute can be filtered by, ``(Book.author,
            Author.name)`` for one behind relations.
        search: What ``q`` searches: attributes, or a ``Search`` with options.
        sort: The attributes that clients may sort by.
        default_sort: The order where a client asks for none, as clients write it:
            ``-created_at,name``. By default that of the primary key.
        pagination: ``offset`` pages by number, ``cursor`` by place in the order.
        page_size: The rows of a page where a client does not say.
        max_page_size: The most that a client may ask for.
        totals: How the rows may be counted; the first is the default.
        include: Relations that are read only where a client asks for them.
        sparse: Whether clients may ask for some fields alone.
        scope: Whose rows a request may touch: a ``Scope``, or a dependency that returns criteria.
        settings: Settings of PostgreSQL for each transaction, such as what row-level security
            reads, with the dependency that gives the value of each.
        soft_delete: The column that holds when a row was deleted; such rows are hidden.
        show_secrets: Attributes that the read schemas may show although they look like secrets.
        nested: Relations that are written with the row.
        bulk: The most rows that one request may create, change or delete.
        require_if_match: Whether a change without ``If-Match`` is refused.
    """

    key: Attribute | Sequence[Attribute]
    filters: FilterDeclarations
    search: Sequence[AttributePath] | Search
    sort: Sequence[AttributePath]
    default_sort: str
    pagination: Pagination
    page_size: int
    max_page_size: int
    totals: Sequence[Total]
    include: Sequence[Attribute]
    sparse: bool
    scope: ScopeDeclaration
    settings: Mapping[str, Callable[..., Any]]
    soft_delete: Attribute
    show_secrets: Sequence[Attribute]
    nested: Sequence[Attribute]
    bulk: int
    require_if_match: bool


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The same, with what is left out filled in."""

    key: Attribute | Sequence[Attribute] | None = None
    filters: FilterDeclarations | None = None
    search: Sequence[AttributePath] | Search = ()
    sort: Sequence[AttributePath] = ()
    default_sort: str | None = None
    pagination: Pagination = "offset"
    page_size: int = 20
    max_page_size: int = 100
    totals: Sequence[Total] = ("exact", "none")
    include: Sequence[Attribute] = ()
    sparse: bool = False
    scope: ScopeDeclaration | None = None
    settings: Mapping[str, Callable[..., Any]] | None = None
    soft_delete: Attribute | None = None
    show_secrets: Sequence[Attribute] = ()
    nested: Sequence[Attribute] = ()
    bulk: int | None = None
    require_if_match: bool = False


def declared(options: ResourceOptions) -> Declaration:
    """Return a declaration whose numbers and choices are possible.

    Raises:
        ConfigurationError: An option is unknown, or its value cannot work.
    """
    unknown = options.keys() - Declaration.__dataclass_fields__.keys()
    if unknown:
        known = ", ".join(Declaration.__dataclass_fields__)
        raise ConfigurationError(
            f"A resource has no option {min(unknown)!r}. Write one of {known}."
        )
    check_forms(options)
    made = Declaration(**options)
    if not 0 < made.page_size <= made.max_page_size:
        raise ConfigurationError(
            f"page_size={made.page_size} is not between 1 and max_page_size={made.max_page_size}. "
            "Write a default that clients could ask for themselves."
        )
    if made.bulk is not None and made.bulk < 1:
        raise ConfigurationError(f"bulk={made.bulk} allows no row. Write 1 or more.")
    if made.pagination not in {"offset", "cursor"}:
        raise ConfigurationError(
            f"pagination={made.pagination!r} is unknown. Write 'offset' or 'cursor'."
        )
    _check_totals(made)
    return made


def _check_totals(made: Declaration) -> None:
    if not made.totals or not {*made.totals} <= {"exact", "estimated", "none"}:
        raise ConfigurationError(
            f"totals={made.totals!r} cannot be. Write some of 'exact', 'estimated' and 'none'; "
            "the first is the default."
        )
    if "estimated" in made.totals and (made.scope is not None or made.settings):
        raise ConfigurationError(
            "An estimated total counts the rows of everybody, so it is not offered within a scope "
            "or under row-level security. Leave 'estimated' out of `totals`."
        )
