"""Filters by whole numbers, of which some may be beyond the range of the column."""

from collections.abc import Collection
from typing import Any

from advanced_alchemy import filters
from advanced_alchemy.filters import StatementTypeT
from sqlalchemy import BigInteger, Integer, SmallInteger, literal

from holdfast.wiring.filter_equality import EqualToUpstream

__all__ = ("CollectionFilter", "NotInCollectionFilter")


class CollectionFilter(EqualToUpstream, filters.CollectionFilter[int]):
    """What has one of some numbers."""

    def append_to_statement(
        self, statement: StatementTypeT, model: type[Any], prefer_any: bool = False
    ) -> StatementTypeT:
        """Add the numbers, those that the column cannot hold as well: nothing equals them."""
        values = _as_compared(self.values, model, self.field_name)
        plain = filters.CollectionFilter(self.field_name, values)
        return plain.append_to_statement(statement, model, prefer_any)


class NotInCollectionFilter(EqualToUpstream, filters.NotInCollectionFilter[int]):
    """What has none of some numbers."""

    def append_to_statement(
        self, statement: StatementTypeT, model: type[Any], prefer_any: bool = False
    ) -> StatementTypeT:
        """Leave out the numbers; those that the column cannot hold change nothing."""
        values = _as_compared(self.values, model, self.field_name)
        plain = filters.NotInCollectionFilter(self.field_name, values)
        return plain.append_to_statement(statement, model, prefer_any)


def _as_compared(values: Collection[int] | None, model: type[Any], field: Any) -> Any:
    # PostgreSQL and its drivers refuse a number beyond the type that SQLAlchemy declares for it,
    # which is that of the column. They compare numbers of two sizes without complaint.
    column_type = getattr(getattr(model, field, None), "type", None)
    if not values or not isinstance(column_type, Integer) or isinstance(column_type, BigInteger):
        return values
    end = 2**15 if isinstance(column_type, SmallInteger) else 2**31
    if all(-end <= value < end for value in values):
        return values
    return [literal(value, BigInteger()) for value in values]
