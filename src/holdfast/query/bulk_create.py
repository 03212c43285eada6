"""Creating many rows: all of them, or none."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from holdfast.query.all_or_nothing import Explain, all_or_nothing
from holdfast.query.bulk import check_all_targets
from holdfast.query.changes import given_for_new
from holdfast.query.committed import PLAIN, Reload
from holdfast.query.create import create_row, new_values
from holdfast.query.many import read_again, verify_all_in_scope
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import model_of, overrides, session_of
from holdfast.query.waiting import finished

__all__ = ("create_rows",)


def create_rows(
    service: Any,
    items: Sequence[Any],
    *,
    explain: Explain,
    scope: RowScope = EVERY_ROW,
    reload: Reload = PLAIN,
) -> list[Any]:
    """Create rows by a service's ``create_many``, or its own ``create`` where it has only that.

    An INSERT for all of them and a SELECT, beside what is read of the scope.

    Args:
        service: An Advanced Alchemy service, async or sync.
        items: What the client has sent: instances of a schema, or dictionaries.
        explain: Tells what a database error means to the client.
        scope: The rows that the request may touch; what it fixes is set.
        reload: What the answer shows.

    Returns:
        The rows as they are committed, in the order of the items.

    Raises:
        ProblemError: 4xx with the index of every item that failed.
    """
    session = session_of(service)
    return all_or_nothing(
        session,
        len(items),
        lambda: _create_together(service, session, items, scope, reload),
        lambda index: create_row(service, items[index], scope=scope),
        explain,
    )


def _create_together(
    service: Any, session: Session, items: Sequence[Any], scope: RowScope, reload: Reload
) -> list[Any]:
    model = model_of(service)
    if overrides(service, "create") and not overrides(service, "create_many"):
        created = [create_row(service, item, scope=scope) for item in items]
    else:
        values = [new_values(service, given_for_new(model, item, scope), scope) for item in items]
        check_all_targets(session, model, values, scope)
        created = list(finished(service.create_many(values, auto_commit=False, auto_expunge=False)))
        verify_all_in_scope(session, model, created, scope)
    read_again(session, model, created, reload.options)
    return created
