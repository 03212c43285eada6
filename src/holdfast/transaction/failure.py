"""What a failed transaction means, by the driver's own codes."""

from collections.abc import Callable, Iterator

from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from holdfast.errors import (
    CommitOutcomeUnknownError,
    PartialCommitError,
    TransactionAbortedError,
    TransactionTimeoutError,
    UncommittedChangesError,
)
from holdfast.problems import Problem, ProblemError
from holdfast.transaction.connecting import POOL_EXHAUSTED, failed_to_connect
from holdfast.transaction.details import describe
from holdfast.transaction.kinds import (
    CHECK,
    COMMIT_FAILED,
    CONFLICT,
    EXCLUSION,
    FOREIGN_KEY,
    INVALID_VALUE,
    LOCKED,
    NOT_NULL,
    OUTCOME_UNKNOWN,
    OUTSIDE_SCOPE,
    PARTIAL_COMMIT,
    STALE,
    TIMED_OUT,
    UNAVAILABLE,
    UNCOMMITTED,
    UNIQUE,
)
from holdfast.transaction.violation import Statement, reported_by, violation_of

__all__ = (
    "database_error",
    "is_conflict",
    "is_locked",
    "is_outcome_unknown",
    "problem_for",
    "undoes_transaction",
)

# SQLite's own word for one writer too many: at once where waiting could not help, else after
# its busy timeout, which is longer than a request is run again.
_REPEATABLE_LOCKS = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_RECOVERY"})
_CONSTRAINTS = (UNIQUE, FOREIGN_KEY, EXCLUSION, CHECK, NOT_NULL)

# What drivers raise themselves, and SQLAlchemy passes on as it is: for a value that they cannot
# send, at a time limit of their own, for a socket that was cut.
_BY_DRIVER: tuple[tuple[type[Exception], Problem], ...] = (
    (OverflowError, INVALID_VALUE),
    (UnicodeError, INVALID_VALUE),
    (TimeoutError, TIMED_OUT),
    (OSError, UNAVAILABLE),
)

_BY_CLASS: dict[type[BaseException], Problem] = {
    CommitOutcomeUnknownError: OUTCOME_UNKNOWN,
    PartialCommitError: PARTIAL_COMMIT,
    TransactionTimeoutError: UNAVAILABLE,
    UncommittedChangesError: UNCOMMITTED,
}

# Codes: appendix A of the PostgreSQL manual, "Result and Error Codes" of SQLite (extended codes),
# the error references of MariaDB and MySQL. Each driver's codes have their own shape.
_CODES: tuple[tuple[Problem, tuple[str | int, ...]], ...] = (
    (UNIQUE, ("23505", 1062, 1169, 1586)),
    (UNIQUE, ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")),
    (UNIQUE, ("SQLITE_CONSTRAINT_ROWID",)),
    (FOREIGN_KEY, ("23503", "23001", "SQLITE_CONSTRAINT_FOREIGNKEY", 1216, 1217, 1451, 1452)),
    (EXCLUSION, ("23P01",)),
    (CHECK, ("23514", "SQLITE_CONSTRAINT_CHECK", 3819, 4025)),
    (NOT_NULL, ("23502", "SQLITE_CONSTRAINT_NOTNULL", 1048, 1364)),
    (INVALID_VALUE, ("22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05")),
    (INVALID_VALUE, ("SQLITE_MISMATCH", "SQLITE_TOOBIG")),
    (INVALID_VALUE, (1153, 1264, 1265, 1292, 1366, 1367, 1406, 1441, 1690, 3140)),
    (CONFLICT, ("40001", "40P01", "SQLITE_BUSY_SNAPSHOT", 1020, 1213)),
    (LOCKED, ("55P03", "SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED", 1205, 3572)),
    (TIMED_OUT, ("57014", "SQLITE_INTERRUPT", 1317, 1969, 3024)),
    # The last of each are a full disk.
    (UNAVAILABLE, ("57P01", "57P02", "57P03", "53300", "25006", "53100")),
    # Too many connections, no connection, shutting down, not ready, a replica.
    (UNAVAILABLE, (1040, 1203, 2002, 2003, 2005, 1053, 1047, 1290, 1836, 1021, 1114)),
    (UNAVAILABLE, ("SQLITE_READONLY", "SQLITE_FULL")),
)
_BY_CODE = {code: problem for problem, codes in _CODES for code in codes}

# "Statement completion unknown", and the ways in which a server or its connection goes away. An
# error during COMMIT (1180) is what Galera reports for a cluster that fell apart meanwhile.
_LOSS_CODES = frozenset({"40003", "57P01", "57P02", 1053, 1180})
_LOSS_CLASS = "08"

# A node that is not ready does not look at the statement, COMMIT included.
_NOT_READY = 1047

# The server has already rolled back the whole transaction, and a COMMIT would succeed on nothing.
_UNDOING_CODES = frozenset(
    {
        1213,
        1020,
        "SQLITE_FULL",
        "SQLITE_IOERR",
        "SQLITE_NOMEM",
        "SQLITE_INTERRUPT",
        "SQLITE_BUSY_SNAPSHOT",
    }
)

_CHAIN_LIMIT = 20

# A row that a policy of row-level security refuses has the code of a missing privilege, which is
# the server's affair; the function of PostgreSQL that reports it tells them apart in any language.
_NO_PRIVILEGE, _BY_POLICY = "42501", "ExecWithCheckOptions"


def _no_statement(_: BaseException) -> Statement | None:
    return None


def problem_for(
    error: BaseException,
    *,
    settling: bool = False,
    statement_of: Callable[[BaseException], Statement | None] = _no_statement,
) -> Problem | None:
    """Return what to tell the client about an error, or None where it is not a database's.

    Args:
        error: The error as it reached the boundary; causes are followed to the driver's own.
        settling: Whether flush or COMMIT failed, rather than a statement of the handler: then every
            database error has an answer.
        statement_of: Gives the statement that met an error, for errors that were recorded.
    """
    own = error.problem if isinstance(error, ProblemError) else _BY_CLASS.get(type(error))
    if own is not None:
        return own
    unconnected = next(filter(failed_to_connect, _chain(error)), None)
    if unconnected is not None:
        return POOL_EXHAUSTED if isinstance(unconnected, PoolTimeoutError) else UNAVAILABLE
    aborted = isinstance(error, TransactionAbortedError)
    found = database_error(error)
    if found is None:
        return _problem_without_code(error, statement_of) or (COMMIT_FAILED if aborted else None)
    problem = _problem_by_code(found)
    if problem is None and (aborted or settling):
        return COMMIT_FAILED
    original = getattr(found, "orig", None)
    if problem in _CONSTRAINTS and original is not None:
        return describe(problem, violation_of(original, statement_of(found) or Statement()))
    return problem


def _problem_without_code(
    error: BaseException, statement_of: Callable[[BaseException], Statement | None]
) -> Problem | None:
    """Return what an error means that is SQLAlchemy's or the driver's own."""
    if any(isinstance(link, StaleDataError) for link in _chain(error)):
        return STALE
    met = [link for link in _chain(error) if statement_of(link) is not None]
    raised = (problem for cls, problem in _BY_DRIVER for link in met if isinstance(link, cls))
    return next(raised, None)


def _problem_by_code(error: BaseException) -> Problem | None:
    for code in _codes(error):
        if code in _BY_CODE:
            return _BY_CODE[code]
        if code == _NO_PRIVILEGE and reported_by(error) == _BY_POLICY:
            return OUTSIDE_SCOPE
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return UNAVAILABLE
    # psycopg has no code for a value that it refuses to send.
    return INVALID_VALUE if isinstance(error, DataError) and not [*_codes(error)] else None


def database_error(error: BaseException) -> BaseException | None:
    """Return the database error at the root of an exception, or None.

    Layers above the driver wrap its errors, some as a class that says less (Advanced Alchemy makes
    an ``IntegrityError`` of them all), so the chain is followed to SQLAlchemy's own wrapper.
    """
    return next((link for link in _chain(error) if isinstance(link, StatementError)), None)


def is_outcome_unknown(error: BaseException) -> bool:
    """Tell whether a COMMIT that ended with this error may nevertheless have taken effect.

    A loss of the connection says nothing about the COMMIT that was in flight. An error that carries
    a statement came before COMMIT itself.
    """
    codes = tuple(_codes(error))
    if getattr(error, "statement", None) or _NOT_READY in codes:
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return any(code in _LOSS_CODES or str(code).startswith(_LOSS_CLASS) for code in codes)


def is_conflict(error: BaseException) -> bool:
    """Tell whether a concurrent change is to blame, so that the same request may yet succeed."""
    problem = problem_for(error)
    if problem is LOCKED:
        found = database_error(error)
        return found is not None and not _REPEATABLE_LOCKS.isdisjoint(_codes(found))
    return problem is CONFLICT


def is_locked(error: BaseException) -> bool:
    """Tell whether a lock was waited for in vain."""
    return problem_for(error) is LOCKED


def undoes_transaction(error: BaseException) -> bool:
    """Tell whether the server undid the whole transaction when it reported this error."""
    return not _UNDOING_CODES.isdisjoint(_codes(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_CHAIN_LIMIT):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _codes(error: BaseException) -> Iterator[str | int]:
    original = getattr(error, "orig", None) or error
    # Before the sqlstate that some drivers of MySQL give beside it, which tells less.
    if original.args and isinstance(original.args[0], int):
        yield original.args[0]
    for attribute in ("sqlstate", "pgcode", "sqlite_errorname"):
        code = getattr(original, attribute, None)
        if isinstance(code, str):
            yield code
