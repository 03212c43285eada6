"""A page of rows: what may be asked for, and how it is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from holdfast.crud.declaration import Declaration
from holdfast.crud.reading import Reading
from holdfast.errors import ConfigurationError
from holdfast.plan.secrets import is_secret_column
from holdfast.query.cursor import fingerprint
from holdfast.query.filters import check_filters, criterion, declared_filters, filter_models
from holdfast.query.keyset import check_cursor_order
from holdfast.query.pages import FetchedPage, fetch_page
from holdfast.query.parameters import ListParameters, given_filters, parameter_model
from holdfast.query.scope import RowScope
from holdfast.query.search import declared_search, search_criterion
from holdfast.query.sort import declared_sort, default_order, parse_order, sort_models
from holdfast.query.totals import check_totals, estimated_total, exact_total

__all__ = ("Listed", "Listing")

ModelT = TypeVar("ModelT")

Links = Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Listed(Generic[ModelT]):
    """A page of rows.

    Attributes:
        items: The rows.
        limit: How many there may be.
        offset: How many were left out before them; None where pages go by cursor.
        next_cursor: The cursor of the next page.
        previous_cursor: The cursor of the page before.
        total: How many rows there are, where they were counted.
        has_more: Whether there is a next page.
    """

    items: Sequence[ModelT]
    limit: int
    offset: int | None
    next_cursor: str | None
    previous_cursor: str | None
    total: int | None
    has_more: bool

    @property
    def links(self) -> Links:
        """The other pages, by relation, and the parameters in which their URLs differ."""
        if self.offset is None:
            found = {"first": None, "prev": self.previous_cursor, "next": self.next_cursor}
            return {
                rel: {"cursor": cursor}
                for rel, cursor in found.items()
                if cursor is not None or rel == "first"
            }
        links: dict[str, dict[str, str | None]] = {"first": {"offset": None}}
        if self.offset > 0:
            links["prev"] = {"offset": str(max(0, self.offset - self.limit))}
        if self.has_more:
            links["next"] = {"offset": str(self.offset + self.limit)}
        if self.total:
            links["last"] = {"offset": str((self.total - 1) // self.limit * self.limit)}
        return links


class Listing:
    """What a list of one model's rows offers.

    Args:
        model: The mapped class.
        declaration: What is offered.
        reading: How the rows are read.

    Attributes:
        query: The model of the query parameters.

    Raises:
        ConfigurationError: Something that is declared does not fit the model.
    """

    def __init__(self, model: type[Any], declaration: Declaration, reading: Reading) -> None:
        self._declaration = declaration
        self._model = model
        self._filters = declared_filters(model, declaration.filters or {})
        self._search = declared_search(model, declaration.search) if declaration.search else None
        self._keys = declared_sort(model, declaration.sort)
        self._default = default_order(declaration.default_sort, self._keys, model)
        self._check_secrets()
        self._by_cursor = declaration.pagination == "cursor"
        if self._by_cursor:
            check_cursor_order(model, self._keys, reading.shown)
        self.query: type[ListParameters] = parameter_model(
            f"{model.__name__}List",
            filters=self._filters,
            search=self._search,
            sort=[key.name for key in self._keys],
            default_sort=declaration.default_sort,
            pagination=declaration.pagination,
            page_size=declaration.page_size,
            max_page_size=declaration.max_page_size,
            totals=declaration.totals,
            fields=reading.shape.field_names,
            include=reading.shape.include_names,
        )
        self.models = (
            model,
            *filter_models(self._filters, self._search),
            *sort_models(self._keys),
        )

    def check_dialect(self, dialect: str) -> None:
        """Check that an engine has what the list needs.

        Raises:
            ConfigurationError: It has no arrays, or makes no estimate.
        """
        check_filters(self._filters, dialect)
        check_totals(self._declaration.totals, dialect)

    def _check_secrets(self) -> None:
        """Refuse what would tell a secret piece by piece: by a filter, a search, an order."""
        searched = self._search.paths if self._search is not None else ()
        paths = [each.path for each in self._filters]
        for path in (*paths, *searched, *(key.path for key in self._keys)):
            shown = any(path.column is each for each in self._declaration.show_secrets)
            if not shown and is_secret_column(path.column.key, path.element):
                raise ConfigurationError(
                    f"{path.column} holds a secret, and who filters, searches or sorts by it can "
                    "find it out. Leave it out, or name it in show_secrets=."
                )

    def page(
        self,
        session: Session,
        statement: Select[Any],
        reading: Reading,
        scope: RowScope,
        query: Any,
    ) -> Listed[Any]:
        """Return the page that a client asks for.

        Args:
            session: The session to read with.
            statement: Selects the model's rows.
            reading: How they are read.
            scope: The rows that may be read.
            query: An instance of the query model.

        Raises:
            ProblemError: 422 for an order or a cursor that cannot be.
        """
        dialect = session.get_bind(self._model).dialect.name
        used = given_filters(query, self._filters)
        text = getattr(query, "q", None)
        where = [criterion(each, value, dialect) for each, value in used]
        if self._search is not None and text is not None:
            where.append(search_criterion(self._search, text, dialect))
        filtered = statement.where(*where).options(*scope.options(self.models))
        order = parse_order(getattr(query, "sort", None), self._keys, self._default, self._model)
        fetched = fetch_page(
            session,
            filtered.options(*reading.options(scope, query)),
            order=order,
            limit=query.limit,
            offset=None if self._by_cursor else query.offset,
            cursor=getattr(query, "cursor", None),
            bound_to=fingerprint(order, {**{f.parameter: v for f, v in used}, "q": text}),
        )
        return Listed(
            items=fetched.rows,
            limit=query.limit,
            offset=None if self._by_cursor else query.offset,
            next_cursor=fetched.next_cursor,
            previous_cursor=fetched.previous_cursor,
            total=self._total(session, filtered, query, fetched),
            has_more=fetched.has_more,
        )

    def _total(
        self, session: Session, filtered: Select[Any], query: Any, fetched: FetchedPage[Any]
    ) -> int | None:
        wanted = getattr(query, "total", self._declaration.totals[0])
        if wanted == "none":
            return None
        known = self._known_total(query, fetched)
        if known is not None:
            return known
        count = exact_total if wanted == "exact" else estimated_total
        return count(session, filtered)

    def _known_total(self, query: Any, fetched: FetchedPage[Any]) -> int | None:
        """Return how many rows there are where the page ends with the last of them."""
        if self._by_cursor:
            is_whole = fetched.next_cursor is None and fetched.previous_cursor is None
            return len(fetched.rows) if is_whole else None
        if fetched.has_more or (query.offset and not fetched.rows):
            return None
        return int(query.offset) + len(fetched.rows)
