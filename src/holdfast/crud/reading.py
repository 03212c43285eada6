"""How the rows of one read schema are loaded, and answered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper, undefer
from sqlalchemy.orm.interfaces import ORMOption

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import models_of, reads_one_row, shown_attributes
from holdfast.plan.presenting import is_complete
from holdfast.plan.shape import Choice, Shape
from holdfast.query.attributes import Attribute
from holdfast.query.committed import Reload
from holdfast.query.parameters import names_in
from holdfast.query.scope import RowScope

__all__ = ("Reading", "choice_of")


def choice_of(query: Any) -> Choice:
    """Return what a client has chosen of rows: which fields, and what is included.

    Args:
        query: The query parameters, if any.
    """
    fields = names_in(getattr(query, "fields", None))
    return Choice(fields, names_in(getattr(query, "include", None)) or frozenset())


class Reading:
    """One read schema of one model.

    Args:
        model: The mapped class.
        schema: What is answered for a row.
        include: Relations that are read only where a client asks for them.
        show_secrets: Attributes that may be shown although they look like secrets.
        key: The attributes of a natural key.
        sparse: Whether a client may ask for some fields alone.
        page: The generic class of a page.

    Attributes:
        node: What the schema reads.
        reads_one_row: Whether that is the row itself and no other.
        models: The mapped classes that it reads.
        shown: The attributes whose values are answered as they are.

    Raises:
        ConfigurationError: The schema does not fit the model, or shows a secret.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be set
        self,
        model: type[Any],
        schema: Any,
        *,
        include: Sequence[Attribute] = (),
        show_secrets: Sequence[Attribute] = (),
        key: Sequence[Attribute] = (),
        sparse: bool = False,
        page: Any = None,
    ) -> None:
        self.node = analyse(model, schema, include=include, show_secrets=show_secrets)
        self.shape = Shape(self.node, sparse=sparse, page=page)
        self.reads_one_row = reads_one_row(self.node)
        self.shown = shown_attributes(self.node)
        self.models = models_of(self.node)
        # What the headers of an answer tell, whether its body shows it or not.
        self._also = tuple(undefer(attribute) for attribute in (*key, *_version_of(model)))
        self._loaded: dict[Choice, tuple[ORMOption, ...]] = {}

    def options(self, scope: RowScope, query: Any = None) -> tuple[ORMOption, ...]:
        """Return the options of a SELECT that reads what is answered, within a scope.

        Args:
            scope: The rows that may be read.
            query: The query parameters, if any.
        """
        choice = choice_of(query)
        if choice not in self._loaded:
            self._loaded[choice] = (*self.shape.options(choice), *self._also)
        return (*self._loaded[choice], *scope.options(self.models))

    def reload(self, scope: RowScope) -> Reload:
        """Return how a row that was written is read for its answer.

        Args:
            scope: The rows that may be read.
        """
        return Reload(
            self.options(scope), lambda entity: is_complete(self.node, entity), self.shown
        )


def _version_of(model: type[Any]) -> tuple[Attribute, ...]:
    mapper: Mapper[Any] = inspect(model)
    if mapper.version_id_col is None:
        return ()
    return (getattr(model, mapper.get_property_by_column(mapper.version_id_col).key),)
