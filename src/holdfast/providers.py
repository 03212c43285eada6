"""What upstream's ``providers`` module exports, under the same names."""

from typing import Any

from holdfast.wiring.extension import AdvancedAlchemy
from holdfast.wiring.filters import (
    DEPENDENCY_DEFAULTS,
    ChoiceField,
    DependencyCache,
    DependencyDefaults,
    FieldNameType,
    FilterConfig,
    dep_cache,
    provide_filters,
)
from holdfast.wiring.services import ServiceProvider, ServiceT

__all__ = (
    "DEPENDENCY_DEFAULTS",
    "ChoiceField",
    "DependencyCache",
    "DependencyDefaults",
    "FieldNameType",
    "FilterConfig",
    "dep_cache",
    "provide_filters",
    "provide_service",
)


def provide_service(
    service_class: type[ServiceT], /, extension: AdvancedAlchemy, **options: Any
) -> ServiceProvider[ServiceT]:
    """Return the dependency that gives a service, as the extension's method does.

    Args:
        service_class: A service class of Advanced Alchemy.
        extension: The extension whose sessions it uses.
        **options: What the method takes: ``key``, ``statement``, ``load`` and so on.
    """
    return extension.provide_service(service_class, **options)
