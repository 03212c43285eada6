"""Whether a scope fits a resource: at once for a ``Scope``, else at the first request."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Uuid, inspect

from holdfast.errors import ConfigurationError
from holdfast.plan.writable import field_names, unscoped_unique_keys
from holdfast.query.scope import RowScope, Scope
from holdfast.query.targets import references_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

    from holdfast.crud.resource import Resource

__all__ = ("Division", "check_division", "division_of", "division_of_criteria", "telling_keys")


class Division(NamedTuple):
    """What is known of how a scope divides rows.

    Attributes:
        columns: The attributes whose values it fixes for the rows of a model; None where it says
            nothing about that model.
        names: The attributes whose values it fixes for the rows of any model.
        remedy: Says how to name a column of a model as well.
    """

    columns: Callable[[type[Any]], tuple[str, ...] | None]
    names: frozenset[str]
    remedy: Callable[[str, str], str]


def division_of(scope: Scope) -> Division:
    """Return how a scope that was declared by its columns divides rows."""

    def columns(model: type[Any]) -> tuple[str, ...] | None:
        column = scope.column_of(model)
        return None if column is None else (column.key,)

    def remedy(model: str, name: str) -> str:
        return f"Name it too: `Scope(..., {model}.{name})`."

    return Division(columns, frozenset(column.key for column in scope.columns), remedy)


def division_of_criteria(scope: RowScope) -> Division:
    """Return how the criteria of one request divide rows, as far as they tell."""

    def columns(model: type[Any]) -> tuple[str, ...] | None:
        return None if scope.scope_criterion(model) is None else tuple(scope.values(model))

    def remedy(model: str, name: str) -> str:
        return (
            f"Return a criterion for it too, such as `{model}.{name} == ...`; "
            f"`{model}.{name}.is_not(None)` where everybody may see its rows."
        )

    names = frozenset(name for model in scope.models for name in scope.values(model))
    return Division(columns, names, remedy)


def check_division(resource: "Resource[Any, Any, Any, Any, Any]", division: Division) -> None:
    """Check that a scope is about every model that it should be about.

    Raises:
        ConfigurationError: It leaves out the resource's own model, or one with a column of the same
            name that is read or referred to.
    """
    model = resource.model
    if division.columns(model) is None:
        own = sorted(division.names & {*_attributes(model)})
        remedy = (
            division.remedy(model.__name__, own[0])
            if own
            else "Name the column of it that tells whose a row is, or leave `scope` out."
        )
        raise ConfigurationError(
            f"The scope says nothing about {model.__name__}, whose routes it is for. {remedy}"
        )
    for other, how in _touched(resource):
        if division.columns(other) is None:
            for name in sorted(division.names & {*_attributes(other)}):
                raise ConfigurationError(
                    f"{other.__name__}, which the routes of {model.__name__} {how}, has a column "
                    f"{name} like those of the scope, but the scope does not name it. "
                    + division.remedy(other.__name__, name)
                )


def telling_keys(
    resource: "Resource[Any, Any, Any, Any, Any]", division: Division
) -> Iterator[str]:
    """Return what tells callers of one scope that there is a row in another, a sentence each."""
    model = resource.model
    columns = division.columns(model) or ()
    if not columns:
        return
    column = columns[0]
    for key in unscoped_unique_keys(model, columns, _written(resource)):
        yield (
            f"{', '.join(key)} of {model.__name__} is unique without {column}, so a 409 tells "
            f"callers of one scope what is in another. Add {column} to the constraint."
        )
    if resource.put is None or resource.declaration.key is not None:
        return
    # Nobody guesses a UUID.
    if not any(a.key in columns or isinstance(a.type, Uuid) for a in resource.key):
        names = ", ".join(attribute.key for attribute in resource.key)
        yield (
            f"PUT creates a {model.__name__} under any {names} that nobody has, so its 404 tells "
            f"callers of one scope which are taken in another. Use a UUID as primary key, or "
            f"declare `key=` with columns that are unique together with {column}."
        )


def _touched(resource: "Resource[Any, Any, Any, Any, Any]") -> Iterator[tuple[type[Any], str]]:
    for model in resource.models:
        yield model, "read"
    nested = resource.writing.nested
    for model in () if nested is None else nested.models:
        yield model, "write"
        # Of what is nested any field may be written.
        yield from ((reference.target, "refer to") for reference in references_of(model))
    written = _written(resource)
    for reference in references_of(resource.model):
        if written.intersection(reference.fields):
            yield reference.target, "refer to"


def _written(resource: "Resource[Any, Any, Any, Any, Any]") -> set[str]:
    schemas = (resource.create, resource.update, resource.put)
    return {field for schema in schemas if schema is not None for field in field_names(schema)}


def _attributes(model: type[Any]) -> Iterable[str]:
    mapper: Mapper[Any] = inspect(model)
    return mapper.column_attrs.keys()
