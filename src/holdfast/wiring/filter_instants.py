"""Filters by time, in the form that the column takes: with an offset, or without one in UTC."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from advanced_alchemy import filters
from advanced_alchemy.filters import StatementTypeT
from sqlalchemy import DateTime

from holdfast.errors import ConfigurationError
from holdfast.wiring.filter_equality import EqualToUpstream

__all__ = ("BeforeAfter", "CollectionFilter", "NotInCollectionFilter")


class BeforeAfter(EqualToUpstream, filters.BeforeAfter):
    """What was before, after or between two instants."""

    def append_to_statement(self, statement: StatementTypeT, model: type[Any]) -> StatementTypeT:
        """Add the bounds, as the model's column takes them."""
        if not _is_naive(model, self.field_name):
            return super().append_to_statement(statement, model)
        before, after = (value and _without_offset(value) for value in (self.before, self.after))
        plain = filters.BeforeAfter(self.field_name, before, after)
        return plain.append_to_statement(statement, model)


class CollectionFilter(EqualToUpstream, filters.CollectionFilter[datetime]):
    """What has one of some instants."""

    def append_to_statement(
        self, statement: StatementTypeT, model: type[Any], prefer_any: bool = False
    ) -> StatementTypeT:
        """Add the instants, as the model's column takes them."""
        values = _as_column_takes(self.values, model, self.field_name)
        plain = filters.CollectionFilter(self.field_name, values)
        return plain.append_to_statement(statement, model, prefer_any)


class NotInCollectionFilter(EqualToUpstream, filters.NotInCollectionFilter[datetime]):
    """What has none of some instants."""

    def append_to_statement(
        self, statement: StatementTypeT, model: type[Any], prefer_any: bool = False
    ) -> StatementTypeT:
        """Leave out the instants, as the model's column takes them."""
        values = _as_column_takes(self.values, model, self.field_name)
        plain = filters.NotInCollectionFilter(self.field_name, values)
        return plain.append_to_statement(statement, model, prefer_any)


def _as_column_takes(
    values: Collection[datetime] | None, model: type[Any], field: Any
) -> Collection[datetime] | None:
    if values is None or not _is_naive(model, field):
        return values
    return [_without_offset(value) for value in values]


def _without_offset(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def _is_naive(model: type[Any], field: Any) -> bool:
    """Tell whether a column takes times without an offset, of which asyncpg takes no others.

    A type decorator is asked with one: that of Advanced Alchemy insists on it, and those that store
    UTC without an offset remove it themselves.
    """
    attribute = getattr(model, field, None) if isinstance(field, str) else field
    if attribute is None:
        raise ConfigurationError(
            f"{model.__name__} has no attribute {field!r} to filter by. Leave it out of the config "
            "of `provide_filters`, or add the column. With `model` in the config this is found "
            "at start-up."
        )
    # Through the expression, which an attribute keeps; its own `type` is looked up each time.
    column_type = getattr(getattr(attribute, "expression", attribute), "type", None)
    return isinstance(column_type, DateTime) and not column_type.timezone
