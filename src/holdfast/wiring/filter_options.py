"""What a list offers, as its author writes it: the config of filters and its defaults."""

from typing import Any, NamedTuple, NotRequired

from advanced_alchemy.utils.dependencies import FilterConfig as _UpstreamFilterConfig

__all__ = ("DEPENDENCY_DEFAULTS", "DependencyDefaults", "FilterConfig", "Limits")


class FilterConfig(_UpstreamFilterConfig):
    """The filters of a list: upstream's keys, and what limits them."""

    model: NotRequired[type[Any]]
    """The listed model: that it has every named field is checked when the config is read."""
    max_pagination_size: NotRequired[int]
    """The largest page a client may ask for; a default page that is larger raises it."""
    max_offset: NotRequired[int]
    """How many rows may come before a page."""
    max_values: NotRequired[int]
    """How many values one parameter may list."""
    max_search_length: NotRequired[int]
    """How many characters a search string may have."""
    stable_order: NotRequired[bool]
    """Whether the primary key ends the order of every page. On by default."""


class DependencyDefaults:
    """What a dependency made by ``provide_filters`` takes where its config is silent.

    Each ``…_KEY`` begins the names of that filter's parameters in the signature of the dependency.
    The names of the query parameters do not depend on it.
    """

    CREATED_FILTER_DEPENDENCY_KEY: str = "created_filter"
    ID_FILTER_DEPENDENCY_KEY: str = "id_filter"
    LIMIT_OFFSET_FILTER_DEPENDENCY_KEY: str = "limit_offset_filter"
    UPDATED_FILTER_DEPENDENCY_KEY: str = "updated_filter"
    ORDER_BY_FILTER_DEPENDENCY_KEY: str = "order_by_filter"
    SEARCH_FILTER_DEPENDENCY_KEY: str = "search_filter"
    DEFAULT_PAGINATION_SIZE: int = 20
    MAX_PAGINATION_SIZE: int = 100
    # A database walks over every row before a page: 10,000 of the largest pages are a second's
    # work, and nobody pages further by hand.
    MAX_OFFSET: int = 1_000_000
    # Each value is a parameter of its own on most databases, whose statements take a few thousand.
    MAX_VALUES: int = 500
    # Escaped it stays far below the 50,000 bytes that SQLite takes as a pattern.
    MAX_SEARCH_LENGTH: int = 500


DEPENDENCY_DEFAULTS = DependencyDefaults()


class Limits(NamedTuple):
    """What bounds the parameters of one dependency."""

    default_page_size: int
    page_size: int
    offset: int
    values: int
    search_length: int
