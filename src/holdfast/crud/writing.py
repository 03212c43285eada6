"""Which functions of ``query`` write a resource's rows: with their relations, or without."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from holdfast.plan.nested_schemas import check_nested_schemas
from holdfast.query.all_or_nothing import Explain, all_or_nothing
from holdfast.query.attributes import Attribute
from holdfast.query.bulk_create import create_rows
from holdfast.query.bulk_update import RowChange, update_rows
from holdfast.query.create import create_row
from holdfast.query.nested import create_nested, update_nested, upsert_nested
from holdfast.query.nesting import Nested
from holdfast.query.services import session_of
from holdfast.query.update import update_row
from holdfast.query.upsert import Upserted, upsert_row

__all__ = ("Writing",)


class Writing:
    """Writes the rows of one resource. All of it takes a service, and works on its sync session.

    Args:
        relations: The relations that are written with a row.

    Attributes:
        nested: The same, checked; None where there are none.

    Raises:
        ConfigurationError: A relation cannot be written.
    """

    def __init__(self, relations: Sequence[Attribute]) -> None:
        self.nested = Nested(*relations) if relations else None

    def check(
        self,
        model: type[Any],
        schemas: Iterable[Any],
        fixed: Callable[[type[Any]], Collection[str]],
    ) -> None:
        """Hold the schemas of nested rows against their mapping.

        Args:
            model: The mapped class.
            schemas: What is sent for a row; None for what is not offered.
            fixed: Gives the attributes of a class that the scope sets.

        Raises:
            ConfigurationError: A field of theirs cannot be written.
        """
        for schema in schemas:
            if self.nested is not None and schema is not None:
                check_nested_schemas(model, schema, self.nested, fixed)

    def create(self, service: Any, data: Any, **given: Any) -> Any:
        """Create a row; see ``create_row``."""
        if self.nested is None:
            return create_row(service, data, **given)
        return create_nested(service, data, self.nested, **given)

    def update(self, service: Any, key: Any, data: Any, **given: Any) -> Any:
        """Change a row; see ``update_row``."""
        if self.nested is None:
            return update_row(service, key, data, **given)
        return update_nested(service, key, data, self.nested, **given)

    def upsert(self, service: Any, key: Any, data: Any, **given: Any) -> Upserted:
        """Replace a row or create it; see ``upsert_row``."""
        if self.nested is None:
            return upsert_row(service, key, data, **given)
        return upsert_nested(service, key, data, self.nested, **given)

    def create_many(
        self, service: Any, items: Sequence[Any], *, explain: Explain, **given: Any
    ) -> list[Any]:
        """Create rows, all or none; see ``create_rows``."""
        if self.nested is None:
            return create_rows(service, items, explain=explain, **given)

        def create(index: int) -> Any:
            return self.create(service, items[index], **given)

        return all_or_nothing(
            session_of(service),
            len(items),
            lambda: [create(index) for index in range(len(items))],
            create,
            explain,
        )

    def update_many(
        self, service: Any, changes: Sequence[RowChange], *, explain: Explain, **given: Any
    ) -> list[Any]:
        """Change rows, all or none; see ``update_rows``."""
        if self.nested is None:
            return update_rows(service, changes, explain=explain, **given)

        def update(index: int) -> Any:
            change = changes[index]
            condition = change.precondition
            return self.update(service, change.key, change.data, precondition=condition, **given)

        return all_or_nothing(
            session_of(service),
            len(changes),
            lambda: [update(index) for index in range(len(changes))],
            update,
            explain,
        )
