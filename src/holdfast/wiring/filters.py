"""``provide_filters``: one dependency that reads a list's filters from the query string."""

import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from inspect import Signature
from typing import Any, cast, get_args

from advanced_alchemy.exceptions import ImproperConfigurationError
from advanced_alchemy.filters import FilterTypes
from advanced_alchemy.utils.dependencies import (
    ChoiceField,
    DependencyCache,
    FieldNameType,
    filter_cache_key,
    resolve_filter_aliases,
)

from holdfast.errors import ConfigurationError
from holdfast.wiring.filter_config import (
    checked_config,
    checked_limits,
    choice_fields,
    ordered_fields,
    sort_fields,
)
from holdfast.wiring.filter_model import check_fields
from holdfast.wiring.filter_options import DEPENDENCY_DEFAULTS, DependencyDefaults, FilterConfig
from holdfast.wiring.filter_parameters import FilterPart, filter_parts

__all__ = (
    "DEPENDENCY_DEFAULTS",
    "ChoiceField",
    "DependencyCache",
    "DependencyDefaults",
    "FieldNameType",
    "FilterConfig",
    "dep_cache",
    "provide_filters",
)

FilterDependency = Callable[..., Coroutine[Any, Any, list[FilterTypes]]]

dep_cache = DependencyCache()


def provide_filters(
    config: FilterConfig, dep_defaults: DependencyDefaults = DEPENDENCY_DEFAULTS
) -> FilterDependency:
    """Make a dependency that reads filters, order and page from the query string.

    It is a coroutine function whose signature lists the query parameters themselves, so FastAPI
    validates and documents each by its type. Only the fields of ``sort_field`` can be sorted by;
    sizes, offsets, lists and texts are bounded, and the primary key ends the order of every page.
    For equal arguments the dependency is the same object, so it can be overridden in tests.

    Args:
        config: The filters to offer.
        dep_defaults: The limits where the config has none, and the parameter names.

    Returns:
        A dependency that gives a ``list[FilterTypes]``, empty where nothing is asked for.

    Raises:
        ConfigurationError: Where the config has an unknown key, a value its key does not take, two
            parameters of one name, or a field that its ``model`` lacks.
    """
    config = checked_config(config)
    limits = checked_limits(config, dep_defaults)
    check_fields(config)
    aliases = _resolved_aliases(config)
    key = (
        *filter_cache_key(__name__, config, dep_defaults, aliases),
        _exact_types(config),
    )
    cached = cast("FilterDependency | None", dep_cache.get_dependencies(key))
    if cached is not None:
        return cached
    parts = filter_parts(config, dep_defaults, limits, aliases)
    dependency = _collector(parts) if parts else _no_filters
    dep_cache.add_dependencies(key, dependency)
    return dependency


def _resolved_aliases(config: FilterConfig) -> dict[str, str]:
    try:
        return resolve_filter_aliases(config)
    except ImproperConfigurationError as error:
        raise ConfigurationError(
            f"{error.detail}. "
            "Write an `alias_generator` that returns a name of its own for each parameter."
        ) from error


def _exact_types(config: FilterConfig) -> tuple[Any, ...]:
    # The upstream key has only the text of a type, which two classes can share, and no difference
    # between a list and a tuple, whose orders differ.
    return (
        config.get("model"),
        config.get("id_filter"),
        sort_fields(config.get("sort_field", [])),
        ordered_fields(config.get("not_in_fields", [])),
        ordered_fields(config.get("in_fields", [])),
        ordered_fields(config.get("boolean_fields", [])),
        choice_fields(config.get("choice_fields", [])),
    )


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _signature(parts: tuple[FilterPart, ...]) -> Signature:
    parameters = [parameter for part in parts for parameter in part.parameters]
    for name in _repeated(parameter.name for parameter in parameters):
        raise ConfigurationError(
            f"provide_filters got two filters that need the parameter {name!r}. "
            "Write each field once for each kind of filter."
        )
    for alias in _repeated(get_args(parameter.annotation)[-1].alias for parameter in parameters):
        # Only the default names get here, and upstream serves them: both filters read one value.
        warnings.warn(
            f"Two filters read the query parameter {alias!r}. "
            "Write an `alias_generator` that returns a name of its own for each parameter.",
            stacklevel=4,
        )
    return Signature(parameters, return_annotation=list[FilterTypes])


def _collector(parts: tuple[FilterPart, ...]) -> FilterDependency:
    signature = _signature(parts)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    steps = [(part.make, [parameter.name for parameter in part.parameters]) for part in parts]

    async def collect_filters(**values: Any) -> list[FilterTypes]:
        arguments = defaults | values
        if len(arguments) > len(defaults):
            unknown = ", ".join(sorted(values.keys() - defaults.keys()))
            raise TypeError(f"unknown parameters: {unknown}; the dependency takes {signature}")
        made = (make(*[arguments[name] for name in names]) for make, names in steps)
        return [item for item in made if item is not None]

    collect_filters.__dict__["__signature__"] = signature
    return collect_filters


async def _no_filters() -> list[FilterTypes]:
    return []
