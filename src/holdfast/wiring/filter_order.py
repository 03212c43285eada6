"""Pages of a total order: no row on two pages, and none left out."""

from collections.abc import Iterator
from operator import attrgetter, methodcaller
from typing import Any, Self, cast

from advanced_alchemy import filters
from advanced_alchemy.filters import StatementTypeT
from sqlalchemy import Select, UnaryExpression, inspect
from sqlalchemy.orm import class_mapper
from sqlalchemy.sql.operators import asc_op, desc_op
from sqlalchemy.sql.util import unwrap_order_by

from holdfast.wiring.filter_equality import EqualToUpstream

__all__ = ("LimitOffset",)

# SQLAlchemy has no public way to read them.
_order_of = attrgetter("_order_by_clauses")
_selected_by = attrgetter("_raw_columns")

# What stands for a mapped class among them.
_element_of = methodcaller("__clause_element__")

# Where a mapped class keeps the tie-breaks of its primary key.
_TIES = "holdfast_ties"


class LimitOffset(EqualToUpstream, filters.LimitOffset):
    """A page of rows that the primary key tells apart where the order asked for does not.

    The primary key comes last in the order, also behind what later filters and the handler add.
    """

    def append_to_statement(self, statement: StatementTypeT, model: type[Any]) -> StatementTypeT:
        """Limit a SELECT and complete its order; leave other statements as they are."""
        statement = super().append_to_statement(statement, model)
        if not isinstance(statement, Select):
            return statement
        return cast("StatementTypeT", _with_total_order(statement, model))


class _TieBreak(UnaryExpression[Any]):
    """A part of the primary key, at the end of an order."""

    inherit_cache = True


class _Tie:
    """A part of a primary key, in both directions."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.ascending = _TieBreak(element, modifier=asc_op)
        self.descending = _TieBreak(element, modifier=desc_op)


class _StableSelect(Select[Any]):
    """A SELECT whose tie-breaks stay behind whatever else it is ordered by."""

    inherit_cache = True

    def order_by(self, *clauses: Any) -> Self:
        ordered = super().order_by(*clauses)
        if _order_of(ordered):
            _put_ties_last(ordered)
        return ordered


def _put_ties_last(statement: Select[Any]) -> None:
    """Set the order of a clone that nobody else has seen yet, as SQLAlchemy's methods do."""
    asked = tuple(term for term in _order_of(statement) if not isinstance(term, _TieBreak))
    sorted_by = {column for term in asked for column in unwrap_order_by(term)}
    # One direction throughout lets the database read a single index.
    descends = bool(asked) and _descends(asked[-1])
    ties: tuple[_Tie, ...] = vars(statement)[_TIES]
    last = (
        tie.descending if descends else tie.ascending
        for tie in ties
        if tie.element not in sorted_by
    )
    vars(statement)["_order_by_clauses"] = (*asked, *last)


def _with_total_order(statement: Select[Any], model: type[Any]) -> Select[Any]:
    ties = _ties_of(statement, model)
    if not ties or (_says_distinct_on(statement) and not _order_of(statement)):
        # PostgreSQL wants the expressions of DISTINCT ON first in the order.
        return statement
    stable = statement.where()
    stable.__class__ = _StableSelect
    vars(stable)[_TIES] = ties
    _put_ties_last(stable)
    return stable


def _says_distinct_on(statement: Select[Any]) -> bool:
    # Nor these: what `distinct(...)` was given, and from SQLAlchemy 2.1 on the extension for it.
    attributes = ("_distinct_on", "_pre_columns_clause")
    return any(getattr(statement, name, None) not in {(), None} for name in attributes)


def _ties_of(statement: Select[Any], model: type[Any]) -> tuple[_Tie, ...]:
    """Return the tie-breaks of a statement: those of the whole entities that it selects."""
    mapper = class_mapper(model)
    selected = _selected_by(statement)
    if len(selected) == 1 and selected[0] is _element_of(mapper):
        kept = cast("dict[str, tuple[_Tie, ...]]", cast("Any", mapper.class_manager).info)
        if _TIES not in kept:
            kept[_TIES] = tuple(_ties_of_entity(model))
        return kept[_TIES]
    return tuple(
        tie
        for description in statement.column_descriptions
        if description["expr"] is description.get("entity") is not None
        for tie in _ties_of_entity(description["entity"])
    )


def _ties_of_entity(entity: Any) -> Iterator[_Tie]:
    mapper = inspect(entity).mapper
    for column in mapper.primary_key:
        attribute = getattr(entity, mapper.get_property_by_column(column).key)
        yield _Tie(attribute.expression)


def _descends(term: Any) -> bool:
    while term is not None:
        if getattr(term, "modifier", None) is desc_op:
            return True
        term = getattr(term, "element", None)
    return False
