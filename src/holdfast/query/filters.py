"""Filters that a list is declared to have: a parameter each, and the criterion it stands for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, not_

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import AttributePath, Path, path_of
from holdfast.query.comparisons import compare
from holdfast.query.operators import LISTS, OPERATORS, PHRASES, SUITABLE, Operator
from holdfast.query.relations import related_criterion, related_models
from holdfast.query.search import TextSearch
from holdfast.query.values import MAX_VALUES, ValueType, several, value_type

__all__ = (
    "Filter",
    "FilterDeclarations",
    "check_filters",
    "criterion",
    "declared_filters",
    "filter_models",
)

FilterDeclarations = Mapping[AttributePath, Sequence[Operator]]
"""The operators of each column that may be filtered by; of no other column can one be used."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to filter, which is one query parameter.

    Attributes:
        parameter: The parameter's name: ``name``, ``name__contains``, ``author.name``.
        path: The column that is compared.
        operator: How it is compared.
        annotation: The parameter's type, a list where the parameter is repeated.
        description: What a client is told about it.
    """

    parameter: str
    path: Path
    operator: Operator
    annotation: Any
    description: str

    @property
    def field(self) -> str:
        """The name of its field in the parameter model, which its parameter is the alias of."""
        return f"filter_{self.parameter.replace('.', '__')}"


def declared_filters(model: type[Any], declarations: FilterDeclarations) -> tuple[Filter, ...]:
    """Return the filters of a model's rows, in the order in which they are declared.

    Args:
        model: The mapped class whose rows are filtered.
        declarations: The operators of each column, or path of relations to one.

    Raises:
        ConfigurationError: A column is not the model's, or an operator does not suit it.
    """
    filters: dict[str, Filter] = {}
    for declared, operators in declarations.items():
        for each in _filters_of(path_of(model, declared, "filters"), operators):
            if each.field in filters:
                raise ConfigurationError(
                    f"filters gives the parameter {each.parameter!r} two meanings. "
                    "Declare each operator of a column once, or rename one of the attributes."
                )
            filters[each.field] = each
    return tuple(filters.values())


def _filters_of(path: Path, operators: Sequence[Operator]) -> Iterator[Filter]:
    if isinstance(operators, str):
        raise ConfigurationError(
            f"filters has the text {operators!r} for {path.column}. "
            f'Write a list of operators: ["{operators}"].'
        )
    held = value_type(path.element.type)
    suitable = SUITABLE[held.kind]
    for operator in operators:
        if operator not in suitable:
            raise ConfigurationError(
                f"filters has {operator!r} for {path.column}, which "
                f"{_why_not(operator, path)}. Choose among {', '.join(suitable)}."
            )
        yield Filter(
            parameter=path.name if operator == "eq" else f"{path.name}__{operator}",
            path=path,
            operator=operator,
            annotation=_annotation(operator, held),
            description=_description(path, operator),
        )


def _why_not(operator: str, path: Path) -> str:
    if operator not in OPERATORS:
        return "is no operator"
    return f"does not suit a column of type {path.element.type!r}"


def _annotation(operator: Operator, held: ValueType) -> Any:
    if operator == "is_null":
        return bool
    if operator not in LISTS:
        return held.annotation
    at_least, at_most = (2, 2) if operator == "between" else (1, MAX_VALUES)
    return several(held.annotation, at_least, at_most)


def _description(path: Path, operator: Operator) -> str:
    if path.is_to_many:
        return f"One `{path.name}` at least {PHRASES[operator]}."
    return f"`{path.name}` {PHRASES[operator]}."


def criterion(filter_: Filter, value: Any, dialect: str) -> ColumnElement[bool]:
    """Return what a row has to fulfil for one filter and the value of its parameter.

    Through relations it is an EXISTS of its own, so that no row comes twice.

    Args:
        filter_: The filter.
        value: The value, as the filter's annotation has validated it.
        dialect: The name of the dialect of the session's engine.
    """
    path, operator = filter_.path, filter_.operator
    if operator == "is_null" and value and path.relations and not path.is_to_many:
        # A relation that leads nowhere has no value either.
        return not_(criterion(filter_, value=False, dialect=dialect))
    return related_criterion(
        path.relations,
        path.column,
        lambda attribute: compare(operator, attribute.expression, value, dialect),
    )


def filter_models(filters: Iterable[Filter], search: TextSearch | None) -> tuple[type[Any], ...]:
    """Return the classes whose rows filters and a search read, beside the model's own.

    They are for ``RowScope.options``: what is outside the scope can then not be found either.
    """
    searched = search.paths if search is not None else ()
    return related_models([*(each.path for each in filters), *searched])


def check_filters(filters: Iterable[Filter], dialect: str) -> None:
    """Check that an engine has what the filters need.

    Raises:
        ConfigurationError: It is not PostgreSQL, and a filter is about the items of an array.
    """
    for each in filters:
        if each.operator in {"any", "all"} and dialect != "postgresql":
            raise ConfigurationError(
                f"The filter {each.parameter!r} compares arrays, which {dialect} does not have. "
                "Leave it out, or use PostgreSQL."
            )
