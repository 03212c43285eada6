"""The order of a list: what clients may sort by, and a total order made of what they ask for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Path, primary_key_of
from holdfast.query.refusals import invalid_parameter
from holdfast.query.sort_keys import SortKey, declared_sort, sort_key, sort_models

__all__ = (
    "MOST_SORT_KEYS",
    "Order",
    "SortKey",
    "SortedBy",
    "declared_sort",
    "default_order",
    "in_order",
    "order_by",
    "parse_order",
    "sort_models",
    "with_sort_joins",
)

MOST_SORT_KEYS = 8
"""How many keys one request may sort by."""


class SortedBy(NamedTuple):
    """One key of an order, and its direction."""

    key: SortKey
    descending: bool


class _Mistake(NamedTuple):
    message: str
    type: str


@dataclass(frozen=True, eq=False)
class Order:
    """A total order: the keys asked for, then those of the primary key that are not among them.

    Attributes:
        model: The class whose rows are ordered.
        keys: The keys with their directions, the most significant first.
    """

    model: type[Any]
    keys: tuple[SortedBy, ...]

    @property
    def text(self) -> str:
        """The order as a client would write it, the primary key included."""
        return ",".join(f"{'-' if descending else ''}{key.name}" for key, descending in self.keys)


def default_order(text: str | None, keys: Sequence[SortKey], model: type[Any]) -> Order:
    """Return the order of requests that ask for none.

    Args:
        text: Declared keys, such as ``"-created_at,name"``; None for the primary key alone.
        keys: What `declared_sort` returned.
        model: The mapped class whose rows are listed.

    Raises:
        ConfigurationError: It names what is not declared.
    """
    if text is None:
        return _total(model, ())
    parsed = _parsed(text, {key.name: key for key in keys})
    if isinstance(parsed, _Mistake):
        raise ConfigurationError(
            f"default_sort={text!r} is no order. {parsed.message} "
            "Write names that `sort` declares, as in `default_sort='-created_at,name'`."
        )
    return _total(model, parsed)


def parse_order(
    text: str | None, keys: Sequence[SortKey], default: Order, model: type[Any]
) -> Order:
    """Return the order that a client asks for.

    Args:
        text: The parameter ``sort``: keys between commas, each after ``-`` to descend.
        keys: What `declared_sort` returned.
        default: The order where the parameter is not sent.
        model: The mapped class whose rows are listed.

    Raises:
        ProblemError: 422 ``invalid-parameter``: it names an unknown key, or too many.
    """
    if text is None:
        return default
    parsed = _parsed(text, {key.name: key for key in keys})
    if isinstance(parsed, _Mistake):
        raise invalid_parameter("sort", *parsed)
    return _total(model, parsed)


def with_sort_joins(statement: Select[Any], order: Order) -> Select[Any]:
    """Return the statement with the outer joins that its order reads through.

    They lead to one row at most, so no row comes twice or is lost.
    """
    joins = dict.fromkeys(join for key, _ in order.keys for join in key.joins)
    for join in joins:
        statement = statement.outerjoin(join)
    return statement


def in_order(
    statement: Select[Any], order: Order, dialect: str, *, backwards: bool = False
) -> Select[Any]:
    """Return the statement in an order, joins included, in place of the order it had."""
    ordered = with_sort_joins(statement, order).order_by(None)
    return ordered.order_by(*order_by(order, dialect, backwards=backwards))


def order_by(order: Order, dialect: str, *, backwards: bool = False) -> list[ColumnElement[Any]]:
    """Return the ORDER BY expressions, with NULLs last on every engine, in every direction.

    Nothing is said about NULLs where a column has none or the engine's own way is the same, so
    that an index of the same columns can be read in order.

    Args:
        order: The order.
        dialect: The name of the engine's dialect.
        backwards: Whether to turn the whole order round, NULLs first.
    """
    return [part for by in order.keys for part in _ordered(by, dialect, backwards=backwards)]


def _ordered(by: SortedBy, dialect: str, *, backwards: bool) -> Iterator[ColumnElement[Any]]:
    element = by.key.element
    descending = by.descending is not backwards
    directed = element.desc() if descending else element.asc()
    # To PostgreSQL NULL is the greatest value, to the others the least.
    by_itself_first = descending if dialect == "postgresql" else not descending
    if not by.key.nullable or by_itself_first is backwards:
        yield directed
    elif dialect in {"postgresql", "sqlite"}:
        yield directed.nulls_first() if backwards else directed.nulls_last()
    else:
        is_null = case((element.is_(None), 1), else_=0)
        yield is_null.desc() if backwards else is_null.asc()
        yield directed


def _parsed(text: str, keys: Mapping[str, SortKey]) -> tuple[SortedBy, ...] | _Mistake:
    """Return the keys that a text names, or what is wrong with it."""
    parts = text.split(",", MOST_SORT_KEYS)
    if len(parts) > MOST_SORT_KEYS:
        return _Mistake(f"At most {MOST_SORT_KEYS} keys can be sorted by.", "too_many_sort_keys")
    found: dict[str, SortedBy] = {}
    for part in parts:
        name = part.removeprefix("-")
        if name not in keys:
            known = ", ".join(keys) or "none"
            message = f"Write keys between commas, after `-` to descend. The keys are: {known}."
            return _Mistake(message, "unknown_sort_key")
        # Once it is sorted by, a key decides nothing more.
        found.setdefault(name, SortedBy(keys[name], part.startswith("-")))
    return tuple(found.values())


def _total(model: type[Any], asked: tuple[SortedBy, ...]) -> Order:
    # In the direction of the last key, so that one index serves both directions.
    descending = asked[-1].descending if asked else False
    named = {key.name for key, _ in asked}
    rest = (Path((), attribute) for attribute in primary_key_of(model))
    ties = (SortedBy(sort_key(path, {}), descending) for path in rest if path.name not in named)
    return Order(model, (*asked, *ties))
