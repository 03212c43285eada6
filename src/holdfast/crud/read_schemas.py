"""The read schemas of a resource: its own, and those that single operations answer with."""

from collections.abc import Callable, Sequence
from typing import Any

from holdfast.crud.declaration import Declaration
from holdfast.crud.listing import Listing
from holdfast.crud.pages import CursorPage, OffsetPage
from holdfast.crud.reading import Reading
from holdfast.plan.writable import field_names
from holdfast.query.attributes import Attribute
from holdfast.query.parameters import ListParameters, parameter_model

__all__ = ("ReadSchemas",)


class ReadSchemas:
    """What is read for each schema, worked out once.

    Args:
        model: The mapped class.
        declaration: What is offered of its rows.
        key: The attributes that tell them apart in a URL.
        schema: The resource's own schema, which every relation of ``include`` has to be in.
        check: Called when another schema has become known.
    """

    def __init__(
        self,
        model: type[Any],
        declaration: Declaration,
        key: Sequence[Attribute],
        schema: Any,
        check: Callable[[], None],
    ) -> None:
        self._model = model
        self._declaration = declaration
        self._key = key
        self._own = schema
        self._check = check
        self._readings: dict[Any, Reading] = {}
        self._listings: dict[Any, Listing] = {}

    @property
    def known(self) -> tuple[Reading, ...]:
        """What is read for every schema so far."""
        return tuple(self._readings.values())

    def reading(self, schema: Any = None) -> Reading:
        """Return how rows are read for a schema.

        Args:
            schema: A read schema, or None for the resource's own.

        Raises:
            ConfigurationError: The schema does not fit the model, or shows a secret.
        """
        wanted = self._own if schema is None else schema
        if wanted not in self._readings:
            self._readings[wanted] = self._read_as(wanted)
            if wanted is not self._own:
                self._check()
        return self._readings[wanted]

    def listing(self, schema: Any = None) -> Listing:
        """Return what a list offers whose rows are answered by a schema."""
        wanted = self._own if schema is None else schema
        if wanted not in self._listings:
            reading = self.reading(wanted)
            self._listings[wanted] = Listing(self._model, self._declaration, reading)
        return self._listings[wanted]

    def selection(self, schema: Any = None) -> type[ListParameters] | None:
        """Return the query parameters of one row; None where there is nothing to select."""
        shape = self.reading(schema).shape
        if not shape.field_names and not shape.include_names:
            return None
        return parameter_model(
            f"{self._model.__name__}Selection",
            pagination=None,
            fields=shape.field_names,
            include=shape.include_names,
        )

    def check(self) -> None:
        """Hold every schema against the mapping once more, where something of it has changed.

        Raises:
            ConfigurationError: One does not fit.
        """
        for schema in self._readings:
            self._read_as(schema)

    def _read_as(self, schema: Any) -> Reading:
        declaration = self._declaration
        include = declaration.include
        if schema is not self._own:
            # Another schema, such as that of a list, may leave a relation out.
            names = field_names(schema)
            include = [attribute for attribute in include if attribute.key in names]
        return Reading(
            self._model,
            schema,
            include=include,
            show_secrets=declaration.show_secrets,
            key=self._key,
            sparse=declaration.sparse,
            page=CursorPage if declaration.pagination == "cursor" else OffsetPage,
        )
