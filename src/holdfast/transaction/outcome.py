"""Whether a transaction can commit, and what it means that it did not."""

from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError

from holdfast.errors import CommitOutcomeUnknownError, TransactionAbortedError
from holdfast.transaction.failure import database_error, is_outcome_unknown, undoes_transaction
from holdfast.transaction.liveness import in_transaction

if TYPE_CHECKING:
    from holdfast.transaction.unit import Unit

__all__ = ("raise_aborted", "raise_commit_error", "verify")


def verify(unit: "Unit[Any]") -> None:
    """Make sure that errors on the unit left a transaction that can commit.

    PostgreSQL answers COMMIT in an aborted transaction with ROLLBACK, and no driver reports it.

    Raises:
        TransactionAbortedError: The transaction is gone; its cause is the error that undid it.
    """
    if not unit.errors:
        return
    undoing = next(filter(undoes_transaction, unit.errors), None)
    if undoing is not None:
        raise TransactionAbortedError from undoing
    first = unit.errors[0]
    for connection in unit.connections:
        try:
            kept = in_transaction(connection) or not unit.writes
        except SQLAlchemyError:
            kept = False
        if not kept:
            raise TransactionAbortedError from first


def raise_aborted(unit: "Unit[Any]", error: Exception) -> NoReturn:
    """Name the error that undid the transaction, where one was recorded."""
    raise TransactionAbortedError from (unit.errors[0] if unit.errors else error)


def raise_commit_error(unit: "Unit[Any]", error: Exception) -> NoReturn:
    """Raise what a failed COMMIT means."""
    if isinstance(error, PendingRollbackError):
        raise_aborted(unit, error)
    found = database_error(error)
    # Drivers let their own time limits and lost sockets through unwrapped.
    lost = isinstance(error, OSError) and unit.commit_refused
    if lost or (found is not None and is_outcome_unknown(found)):
        raise CommitOutcomeUnknownError from error
    raise error
