"""Which rows a request may see and touch: those of its scope, without those soft-deleted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, and_, inspect, true
from sqlalchemy.orm import Mapper, with_loader_criteria
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping

from holdfast.errors import ConfigurationError
from holdfast.query.attributes import Attribute

__all__ = ("EVERY_ROW", "SOFT_DELETE", "Criteria", "RowScope", "Scope", "soft_delete_column")

Criteria = ColumnElement[bool] | Sequence[ColumnElement[bool]]
"""What a scope's dependency may return: criteria, each about the rows of one model."""

SOFT_DELETE = "holdfast.soft_delete"
"""Where the ``info`` of a column says that it tells whether its row is deleted."""

_SUBQUERIES = frozenset({"select", "exists", "scalar_select", "compound_select", "subquery", "cte"})


class Scope:
    """The rows whose column equals what a dependency gives: those of a tenant, or of an owner.

        scope=Scope(current_tenant_id, Author.tenant_id, Book.tenant_id)

    Args:
        value: The dependency that gives the value, never None.
        *columns: One column for each model that the scope divides: the router's own, and those
            that its relations and foreign keys lead to.

    Raises:
        ConfigurationError: No column is named, or one is not a mapped column.
    """

    def __init__(self, value: Callable[..., Any], *columns: Attribute) -> None:
        if not columns:
            raise ConfigurationError(
                "A Scope needs the columns that it is about. "
                "Name one of each model: `Scope(current_tenant_id, Author.tenant_id)`."
            )
        for column in columns:
            if not hasattr(column, "property") or not hasattr(column.property, "columns"):
                raise ConfigurationError(
                    f"A Scope is about columns, which {column} is not. Name a mapped column."
                )
        self.value = value
        self.columns = columns

    def criteria(self, value: Any) -> Criteria:
        """Return the criteria for one value of the dependency.

        Raises:
            ConfigurationError: The value is None, which would mean nobody's rows.
        """
        if value is None:
            raise ConfigurationError(
                "The dependency of a Scope gave None, which is no owner of rows. "
                "Raise a 401 or 403 where there is none."
            )
        return [column == value for column in self.columns]

    def column_of(self, model: type[Any]) -> Attribute | None:
        """Return the column that divides a model's rows, or None where the scope does not."""
        mapper: Mapper[Any] = inspect(model)
        return next((c for c in self.columns if mapper.isa(c.property.parent)), None)


class RowScope:
    """The rows that one request may see and touch, model by model.

    Args:
        criteria: What rows have to fulfil, each criterion about one model.
        deleted: Whether soft-deleted rows are among them.

    Raises:
        ConfigurationError: A criterion is about no model, or about several.
    """

    def __init__(self, criteria: Criteria = (), *, deleted: bool = False) -> None:
        each = criteria if isinstance(criteria, Sequence) else (criteria,)
        self._criteria: dict[type[Any], ColumnElement[bool]] = {}
        self._deleted = deleted
        for criterion in each:
            model = _model_of(criterion)
            known = self._criteria.get(model)
            self._criteria[model] = criterion if known is None else and_(known, criterion)

    @property
    def models(self) -> tuple[type[Any], ...]:
        """The models that the criteria are about."""
        return tuple(self._criteria)

    @property
    def criteria(self) -> tuple[ColumnElement[bool], ...]:
        """What rows have to fulfil, one criterion for each model."""
        return tuple(self._criteria.values())

    @property
    def is_restricted(self) -> bool:
        """Whether there is a scope at all, beside what is soft-deleted."""
        return bool(self._criteria)

    def with_deleted(self) -> "RowScope":
        """Return the same scope, soft-deleted rows included."""
        return RowScope(self.criteria, deleted=True)

    def within(self, other: "RowScope") -> "RowScope":
        """Return the rows that are in this scope and in another."""
        if not other.is_restricted:
            return self
        return RowScope((*other.criteria, *self.criteria), deleted=self._deleted)

    def options(self, models: Iterable[type[Any]]) -> tuple[ORMOption, ...]:
        """Return what makes a SELECT keep to the scope, in relations and subqueries as well.

        Args:
            models: The mapped classes that the statement reads, or names in a criterion.
        """
        found = ((model, self.criterion(model)) for model in dict.fromkeys(models))
        return tuple(
            with_loader_criteria(model, criterion, include_aliases=True)
            for model, criterion in found
            if criterion is not None
        )

    def criterion(self, model: type[Any]) -> ColumnElement[bool] | None:
        """Return what a row of a model has to fulfil; None where every row does."""
        own = [c for cls, c in self._criteria.items() if issubclass(model, cls)]
        deleted = None if self._deleted else soft_delete_column(model)
        if deleted is not None:
            own.append(deleted.is_(None))
        return and_(true(), *own) if len(own) > 1 else (own[0] if own else None)

    def scope_criterion(self, model: type[Any]) -> ColumnElement[bool] | None:
        """Return the same without regard to soft deletion."""
        own = [c for cls, c in self._criteria.items() if issubclass(model, cls)]
        return and_(true(), *own) if len(own) > 1 else (own[0] if own else None)

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        """Return what the scope fixes: the value that each attribute of a new row has to have.

        Known from criteria of the form ``column == value``; others are checked on the row itself.
        """
        criterion = self.scope_criterion(model)
        return {} if criterion is None else dict(_equalities(inspect(model), criterion))

    def is_fixed_by_values(self, model: type[Any]) -> bool:
        """Tell whether a row with these values is in the scope, whatever else it holds."""
        criterion = self.scope_criterion(model)
        return criterion is None or all(
            _equality(inspect(model), part) is not None for part in _parts(criterion)
        )


EVERY_ROW = RowScope()
"""No scope: every row that is not soft-deleted."""


def soft_delete_column(model: type[Any]) -> Attribute | None:
    """Return the attribute that tells whether a row of a model is deleted, or None.

    A router that is given ``soft_delete=`` marks it, for every other router as well.
    """
    mapper: Mapper[Any] = inspect(model)
    for attribute in mapper.column_attrs:
        # An expression that a class maps is no column, and has no such mark.
        if getattr(attribute.columns[0], "info", {}).get(SOFT_DELETE):
            return cast("Attribute", getattr(model, attribute.key))
    return None


def _model_of(criterion: Any) -> type[Any]:
    if not isinstance(criterion, ColumnElement):
        raise ConfigurationError(
            f"A criterion of the scope is {criterion!r}, which is no SQL expression. "
            "Return criteria such as `Author.tenant_id == 7`, or `()` for every row."
        )
    found: dict[type[Any], None] = {}
    for element in _elements(criterion, within_subqueries=False):
        parent = getattr(element, "_annotations", {}).get("parententity")
        if parent is not None:
            found[parent.mapper.class_] = None
    if len(found) != 1:
        named = " and ".join(sorted(cls.__name__ for cls in found)) or "no model"
        raise ConfigurationError(
            f"A criterion of the scope is about {named}: {criterion}. "
            "Return one criterion for each model, written with its attributes; what is behind a "
            "relation as `Author.id.in_(select(Book.author_id).where(...))`."
        )
    (model,) = found
    _check_subqueries(model, cast("Any", criterion))
    return model


def _check_subqueries(model: type[Any], criterion: Any) -> None:
    """Refuse a subquery that looks at the row itself.

    An upsert has no FROM that it could be about, and where a relation leads back to its own table,
    it could be about the wrong one of the two rows.
    """
    mapper: Mapper[Any] = inspect(model)
    tables: Sequence[Any] = mapper.tables
    outside = set(map(id, _elements(criterion, within_subqueries=False)))
    for element in _elements(criterion, within_subqueries=True):
        if id(element) not in outside and getattr(element, "table", None) in tables:
            name = model.__name__
            raise ConfigurationError(
                f"A criterion of the scope has a subquery that is about {name} as well: "
                f"{criterion}. Write one that stands for itself, such as "
                f"`{name}.id.in_(select(...))`, with `aliased({name})` where it reads {name}."
            )


def _elements(criterion: Any, *, within_subqueries: bool) -> Iterator[Any]:
    """Return the parts of a criterion, those of the subqueries in it as well or not."""
    stack = [criterion]
    while stack:
        element = stack.pop()
        yield element
        if within_subqueries or element.__visit_name__ not in _SUBQUERIES:
            stack.extend(element.get_children())


def _parts(criterion: Any) -> Iterator[Any]:
    if isinstance(criterion, BooleanClauseList) and criterion.operator is operators.and_:
        for clause in criterion.clauses:
            yield from _parts(clause)
    elif isinstance(criterion, Grouping):
        yield from _parts(cast("Any", criterion).element)
    elif criterion is not true():
        yield criterion


def _equality(mapper: Mapper[Any], part: Any) -> tuple[str, Any] | None:
    if not isinstance(part, BinaryExpression) or part.operator is not operators.eq:
        return None
    column, value = part.left, part.right
    if not isinstance(value, BindParameter) or value.callable is not None:
        return None
    table_column = getattr(column, "_annotations", {}).get("proxy_key")
    if table_column is None or table_column not in mapper.column_attrs:
        return None
    return table_column, value.value


def _equalities(mapper: Mapper[Any], criterion: ColumnElement[bool]) -> Iterator[tuple[str, Any]]:
    for part in _parts(criterion):
        found = _equality(mapper, part)
        if found is not None:
            yield found
