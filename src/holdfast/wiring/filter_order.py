"""Pages of a total order: no row on two pages, and none left out."""

from operator import attrgetter
from typing import Any, Self, cast

from advanced_alchemy import filters
from advanced_alchemy.filters import StatementTypeT
from sqlalchemy import Select, UnaryExpression, inspect
from sqlalchemy.sql.operators import asc_op, desc_op
from sqlalchemy.sql.util import unwrap_order_by

from holdfast.wiring.filter_equality import EqualToUpstream

__all__ = ("LimitOffset",)

# SQLAlchemy has no public way to read it.
_order_of = attrgetter("_order_by_clauses")


class LimitOffset(EqualToUpstream, filters.LimitOffset):
    """A page of rows that the primary key tells apart where the order asked for does not.

    The primary key comes last in the order, also behind what later filters and the handler add.
    """

    def append_to_statement(self, statement: StatementTypeT, model: type[Any]) -> StatementTypeT:
        """Limit a SELECT and complete its order; leave other statements as they are."""
        statement = super().append_to_statement(statement, model)
        if not isinstance(statement, Select):
            return statement
        return cast("StatementTypeT", _with_total_order(statement))


class _TieBreak(UnaryExpression[Any]):
    """A part of the primary key, at the end of an order."""

    inherit_cache = True


class _StableSelect(Select[Any]):
    """A SELECT whose tie-breaks stay behind whatever else it is ordered by."""

    inherit_cache = True

    def order_by(self, *clauses: Any) -> Self:
        ordered = super().order_by(*clauses)
        # What SQLAlchemy's own methods do to a clone that nobody else has seen yet.
        vars(ordered)["_order_by_clauses"] = _ties_last(_order_of(ordered))
        return ordered


def _ties_last(terms: tuple[Any, ...]) -> tuple[Any, ...]:
    ties = [term for term in terms if isinstance(term, _TieBreak)]
    asked = [term for term in terms if not isinstance(term, _TieBreak)]
    if not ties or not asked:
        return terms
    sorted_by = {column for term in asked for column in unwrap_order_by(term)}
    # One direction throughout lets the database read a single index.
    direction = desc_op if _descends(asked[-1]) else asc_op
    last = (
        tie if tie.modifier is direction else _TieBreak(tie.element, modifier=direction)
        for tie in ties
        if tie.element not in sorted_by
    )
    return (*asked, *last)


def _with_total_order(statement: Select[Any]) -> Select[Any]:
    ties = _tie_breaks(statement)
    if not ties or (_says_distinct_on(statement) and not _order_of(statement)):
        # PostgreSQL wants the expressions of DISTINCT ON first in the order.
        return statement
    stable = _StableSelect.__new__(_StableSelect)
    stable.__dict__.update(statement.__dict__)
    return stable.order_by(*ties)


def _says_distinct_on(statement: Select[Any]) -> bool:
    # Nor these: what `distinct(...)` was given, and from SQLAlchemy 2.1 on the extension for it.
    attributes = ("_distinct_on", "_pre_columns_clause")
    return any(getattr(statement, name, None) not in {(), None} for name in attributes)


def _tie_breaks(statement: Select[Any]) -> list[_TieBreak]:
    """Make the tie-breaks of a statement: none unless it selects whole entities."""
    ties: list[_TieBreak] = []
    for description in statement.column_descriptions:
        entity = description.get("entity")
        if entity is None or description["expr"] is not entity:
            continue
        mapper = inspect(entity).mapper
        for column in mapper.primary_key:
            attribute = getattr(entity, mapper.get_property_by_column(column).key)
            ties.append(_TieBreak(attribute.expression, modifier=asc_op))
    return ties


def _descends(term: Any) -> bool:
    while term is not None:
        if getattr(term, "modifier", None) is desc_op:
            return True
        term = getattr(term, "element", None)
    return False
