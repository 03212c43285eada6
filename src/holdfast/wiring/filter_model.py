"""Whether a model has the fields that a config of filters names."""

import difflib
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import RelationshipProperty, class_mapper

from holdfast.errors import ConfigurationError
from holdfast.wiring.filter_config import (
    choice_fields,
    ordered_fields,
    search_fields,
    sort_fields,
)
from holdfast.wiring.filter_options import FilterConfig

__all__ = ("check_fields",)


def check_fields(config: FilterConfig) -> None:
    """Check that the ``model`` of a checked config, if it names one, has its fields.

    Raises:
        ConfigurationError: For a field that is no column, or expression, of the model.
    """
    model = config.get("model")
    if model is None:
        return
    columns = _columns(model)
    for key, name in _fields(config):
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            instead = (
                f"Did you mean {near[0]!r}?" if near else f"Write one of: {', '.join(columns)}."
            )
            raise ConfigurationError(
                f"provide_filters got {key!r}, but {model.__name__} has no column {name!r}. "
                f"{instead}"
            )


def _columns(model: type[Any]) -> list[str]:
    # Asking the mapper for its relationships would configure all mappers, whose modules may not
    # have been imported yet.
    descriptors = class_mapper(model, configure=False).all_orm_descriptors.items()
    return [name for name, attribute in descriptors if not _is_relationship(attribute)]


def _is_relationship(attribute: object) -> bool:
    return isinstance(getattr(attribute, "comparator", None), RelationshipProperty.Comparator)


def _fields(config: FilterConfig) -> Iterator[tuple[str, str]]:
    if "id_filter" in config:
        yield "id_filter", config.get("id_field", "id")
    for key in ("created_at", "updated_at"):
        if key in config:
            yield key, key
    for name in sort_fields(config.get("sort_field", [])):
        yield "sort_field", name
    for name in sorted(search_fields(config.get("search", []))):
        yield "search", name
    for field in ordered_fields(config.get("not_in_fields", [])):
        yield "not_in_fields", field.name
    for field in ordered_fields(config.get("in_fields", [])):
        yield "in_fields", field.name
    for field in ordered_fields(config.get("boolean_fields", [])):
        yield "boolean_fields", field.name
    for field in choice_fields(config.get("choice_fields", [])):
        yield "choice_fields", field.name
