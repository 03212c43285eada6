"""What creating, changing and deleting many rows have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from holdfast.errors import ConfigurationError
from holdfast.query.all_or_nothing import duplicate_item, too_many_items
from holdfast.query.scope import RowScope
from holdfast.query.services import overrides
from holdfast.query.targets import references_of, unseen_targets
from holdfast.query.write_problems import foreign_key_violation, not_found

__all__ = ("all_found", "changed_references", "check_all_targets", "check_bulk", "check_size")


def check_bulk(service: type[Any]) -> None:
    """Make sure that a service can have bulk routes.

    Args:
        service: The class of the service.

    Raises:
        ConfigurationError: It has methods of its own for many rows that would not be called.
    """
    for name in ("update_many", "delete_many"):
        if overrides(service, name):
            raise ConfigurationError(
                f"{service.__name__} overrides `{name}`, which a bulk route would not call: it "
                f"finds rows without regard to the scope. Override `{name.removesuffix('_many')}`, "
                "or leave the bulk route out and write it by hand."
            )


def check_size(items: Sequence[Any], cap: int) -> None:
    """Refuse a list that is longer than it may be.

    Raises:
        ProblemError: 422.
    """
    if len(items) > cap:
        raise too_many_items(cap)


def all_found(rows: Sequence[Any | None]) -> list[Any]:
    """Return rows that were looked for, each of them once.

    Raises:
        ProblemError: One was not found, or two are the same.
    """
    found = [entity for entity in rows if entity is not None]
    if len(found) < len(rows):
        raise not_found()
    if len({id(entity) for entity in found}) < len(found):
        raise duplicate_item()
    return found


def check_all_targets(
    session: Session, model: type[Any], rows: Sequence[dict[str, Any]], scope: RowScope
) -> None:
    """Refuse foreign keys of many rows that refer to no row of the scope.

    Raises:
        ProblemError: 409, about the first of them.
    """
    unseen = unseen_targets(session, model, rows, scope)
    if unseen:
        raise foreign_key_violation(next(iter(unseen.values())))


def changed_references(model: type[Any], entity: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the foreign keys of a row that change, each as a whole."""
    loaded = inspect(entity).dict
    merged = {**loaded, **values}
    return {
        field: merged.get(field)
        for reference in references_of(model)
        if any(merged.get(field) != loaded.get(field) for field in reference.fields)
        for field in reference.fields
    }
