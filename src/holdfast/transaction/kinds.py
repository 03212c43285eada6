"""The kinds of problem that a transaction can meet, in terms a client can act on."""

from http import HTTPStatus

from holdfast.errors import CommitOutcomeUnknownError, PartialCommitError, UncommittedChangesError
from holdfast.problems import Problem

__all__ = (
    "CHECK",
    "COMMIT_FAILED",
    "CONFLICT",
    "EXCLUSION",
    "FOREIGN_KEY",
    "INVALID_VALUE",
    "LOCKED",
    "NOT_NULL",
    "OUTCOME_UNKNOWN",
    "OUTSIDE_SCOPE",
    "PARTIAL_COMMIT",
    "STALE",
    "TIMED_OUT",
    "UNAVAILABLE",
    "UNCOMMITTED",
    "UNIQUE",
)

UNIQUE = Problem(
    "unique-violation",
    HTTPStatus.CONFLICT,
    "Already exists",
    "A value that must be unique is already taken. Nothing was changed.",
)
FOREIGN_KEY = Problem(
    "foreign-key-violation",
    HTTPStatus.CONFLICT,
    "Reference conflict",
    "What is referred to does not exist, or is still referred to. Nothing was changed.",
)
EXCLUSION = Problem(
    "exclusion-violation",
    HTTPStatus.CONFLICT,
    "Conflicts with another record",
    "The values overlap those of another record. Nothing was changed.",
)
CHECK = Problem(
    "check-violation",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Not acceptable",
    "A value breaks a rule of the data. Nothing was changed.",
)
NOT_NULL = Problem(
    "not-null-violation",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Value missing",
    "A value that is required is missing. Nothing was changed.",
)
OUTSIDE_SCOPE = Problem(
    "outside-scope",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Not acceptable",
    "The record is outside of what this client may write. Nothing was changed.",
)
INVALID_VALUE = Problem(
    "invalid-value",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Not acceptable",
    "A value is out of range, too long or not valid for its field. Nothing was changed.",
)
CONFLICT = Problem(
    "serialization-failure",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Concurrent change",
    "The request met a concurrent change. Nothing was changed; repeat it.",
    retry_after=1,
)
STALE = Problem(
    "stale-record",
    HTTPStatus.CONFLICT,
    "Changed meanwhile",
    "The record was changed or deleted since it was read. Nothing was changed; read it again.",
)
LOCKED = Problem(
    "lock-timeout",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Locked",
    "The data is locked by another request. Nothing was changed; repeat it later.",
    retry_after=1,
)
UNAVAILABLE = Problem(
    "database-unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Database unavailable",
    "The database cannot be reached, or takes no changes at the moment. "
    "Nothing was changed; repeat the request later.",
    retry_after=1,
)
TIMED_OUT = Problem(
    "statement-timeout",
    HTTPStatus.GATEWAY_TIMEOUT,
    "Took too long",
    "The database did not finish a statement in time. Nothing was changed.",
)
COMMIT_FAILED = Problem(
    "commit-failed",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Not committed",
    "The transaction could not be committed. Nothing was changed.",
)
OUTCOME_UNKNOWN = Problem(
    CommitOutcomeUnknownError.code,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Outcome unknown",
    "The result of the commit was lost: the change may or may not have been made. "
    "Read the data again before repeating the request.",
    extensions={"committed": "unknown"},
)
PARTIAL_COMMIT = Problem(
    PartialCommitError.code,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Partly committed",
    "The change was made in one database but not in another.",
    extensions={"committed": "partial"},
)
UNCOMMITTED = Problem(
    UncommittedChangesError.code,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Not committed",
    "The change was never committed. Nothing was changed.",
)
