"""What Holdfast raises, and what each error asks of its reader.

    HoldfastError
    ├── ConfigurationError            wrong wiring, found at start-up
    ├── OutsideBoundaryError          a request's session asked for where there is no request
    ├── ResponseStartedError          a write after the response has started
    ├── UncommittedChangesError       manual mode, and nobody committed
    └── TransactionError              the transaction did not become durable, or may not have
        ├── TransactionAbortedError   an earlier, swallowed error had already undone it
        ├── TransactionTimeoutError   flushing took longer than the deadline allows
        ├── CommitOutcomeUnknownError COMMIT was sent and its result never came back
        └── PartialCommitError        one database committed, a later one did not

Every message ends with what to do. ``code`` is stable and names the entry in ``docs/errors.md``.
"""

from typing import ClassVar

from advanced_alchemy.exceptions import ImproperConfigurationError

__all__ = (
    "CommitOutcomeUnknownError",
    "ConfigurationError",
    "HoldfastError",
    "OutsideBoundaryError",
    "PartialCommitError",
    "ResponseStartedError",
    "TransactionAbortedError",
    "TransactionError",
    "TransactionTimeoutError",
    "UncommittedChangesError",
)


class HoldfastError(Exception):
    """Root of everything Holdfast raises."""

    code: ClassVar[str] = "error"


class ConfigurationError(HoldfastError, ImproperConfigurationError):
    """Raised at start-up when the wiring cannot work.

    It is also an ``ImproperConfigurationError``, which is what Advanced Alchemy raises there.
    """

    code = "configuration"

    def __init__(self, message: str) -> None:
        super().__init__(detail=message)


class OutsideBoundaryError(HoldfastError):
    """Raised when a request's session is asked for before, after or outside its request."""

    code = "outside-boundary"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"There is no request session {where}. "
            "Open one with `async with alchemy.session() as session:`, "
            "or `alchemy.transaction()` to write."
        )


class ResponseStartedError(HoldfastError):
    """Raised when a request's session is asked to write, or stream, once its response has started.

    By then the transaction is committed and its connection is back in the pool: the write could
    not take part in it, and a failure could no longer be answered.
    """

    code = "response-started"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The response has started, so the request's session refuses {what}. "
            "Write in a block of its own: `async with alchemy.transaction() as session:`."
        )


class UncommittedChangesError(HoldfastError):
    """Raised when a success was about to be sent over changes that nobody committed."""

    code = "uncommitted-changes"

    def __init__(self, route: str, bind_key: str, *, websocket: bool = False) -> None:
        if websocket:
            remedy = "Write in a block of its own: `async with alchemy.transaction() as session:`."
        else:
            remedy = (
                "Call `await session.commit()` before returning, "
                'or set `commit_mode="autocommit"` on the config.'
            )
        super().__init__(f"{route} left changes uncommitted on bind {bind_key!r}. {remedy}")


class TransactionError(HoldfastError):
    """Base of the ways in which a transaction ends other than committed or rolled back at will."""

    code = "transaction"


class TransactionAbortedError(TransactionError):
    """Raised when COMMIT would silently roll back, because an earlier error was swallowed.

    PostgreSQL answers COMMIT in an aborted transaction with ROLLBACK and no error.
    """

    code = "transaction-aborted"

    def __init__(self) -> None:
        super().__init__(
            "An earlier database error was swallowed and had already undone this transaction, "
            "so it cannot commit. Let the error propagate, or put the statement that may fail "
            "into `async with session.begin_nested():`."
        )


class TransactionTimeoutError(TransactionError):
    """Raised when flushing did not end in time; nothing was committed."""

    code = "transaction-timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The transaction did not end within {seconds:g} s and was rolled back. "
            "Look for locks or an unreachable database, or raise `commit_timeout`."
        )


class CommitOutcomeUnknownError(TransactionError):
    """Raised when COMMIT was sent but its result was lost, or did not arrive in time."""

    code = "commit-outcome-unknown"

    def __init__(self) -> None:
        super().__init__(
            "COMMIT was sent but its outcome is unknown: the connection was lost or the deadline "
            "passed. Read the data again before repeating the write."
        )


class PartialCommitError(TransactionError):
    """Raised when one database committed and a later one of the same request did not."""

    code = "partial-commit"

    def __init__(self, committed: list[str], failed: str) -> None:
        super().__init__(
            f"Bind {failed!r} failed to commit after {', '.join(map(repr, committed))} "
            "had committed. Compare the databases and repair what differs by hand."
        )
