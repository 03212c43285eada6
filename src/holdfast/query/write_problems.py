"""What a client is told about a write that is refused before its SQL is sent."""

from collections.abc import Iterable
from http import HTTPStatus

from holdfast.problems import Problem, ProblemError

__all__ = (
    "foreign_key_violation",
    "invalid_header",
    "not_found",
    "not_null_violation",
    "outside_scope",
    "precondition_failed",
    "precondition_required",
    "still_referred_to",
)


def not_found() -> ProblemError:
    """Return the answer for a row that does not exist, or that the scope does not show."""
    return ProblemError(
        Problem("not-found", HTTPStatus.NOT_FOUND, "Not found", "There is no such record.")
    )


def foreign_key_violation(fields: Iterable[str]) -> ProblemError:
    """Return the answer for fields that refer to no row, or to none that the scope shows.

    It is, member for member, the answer to a foreign key that the database refuses: who asks for
    the row of somebody else must not learn that it is there.
    """
    named = list(fields)
    return ProblemError(
        Problem(
            "foreign-key-violation",
            HTTPStatus.CONFLICT,
            "Reference conflict",
            f"What {_listed(named)} refers to does not exist. Nothing was changed.",
            extensions={"fields": named},
        )
    )


def still_referred_to() -> ProblemError:
    """Return the answer for a deletion of a row that another one refers to."""
    return ProblemError(
        Problem(
            "foreign-key-violation",
            HTTPStatus.CONFLICT,
            "Reference conflict",
            "Another record still refers to this one. Nothing was changed.",
        )
    )


def not_null_violation(fields: Iterable[str]) -> ProblemError:
    """Return the answer for fields that are null and must not be."""
    named = list(fields)
    return ProblemError(
        Problem(
            "not-null-violation",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Value missing",
            f"{_listed(named)} is required. Nothing was changed.",
            extensions={"fields": named},
        )
    )


def outside_scope(fields: Iterable[str] = ()) -> ProblemError:
    """Return the answer for a write whose row would lie outside what the client may touch.

    Args:
        fields: The fields whose values lead there, where they are known.
    """
    named = list(fields)
    about = f"The value of {_listed(named)}" if named else "The record"
    return ProblemError(
        Problem(
            "outside-scope",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            f"{about} is outside of what this client may write. Nothing was changed.",
            extensions={"fields": named} if named else {},
        )
    )


def precondition_failed() -> ProblemError:
    """Return the answer for a record that is not as the client has read it."""
    return ProblemError(
        Problem(
            "precondition-failed",
            HTTPStatus.PRECONDITION_FAILED,
            "Changed meanwhile",
            "The record is not as the request's condition says. "
            "Nothing was changed; read it again.",
        )
    )


def precondition_required() -> ProblemError:
    """Return the answer for a write that does not say which version it is about."""
    return ProblemError(
        Problem(
            "precondition-required",
            HTTPStatus.PRECONDITION_REQUIRED,
            "Condition required",
            "Send the ETag of the record that was read as `If-Match`. Nothing was changed.",
        )
    )


def invalid_header(name: str, message: str) -> ProblemError:
    """Return the answer for a header that does not have its form.

    Args:
        name: The header, in lower case.
        message: What is wrong with it.
    """
    error = {"loc": ["header", name], "msg": message, "type": "invalid_header"}
    return ProblemError(
        Problem(
            "invalid-parameter",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            f"The header `{name}` is not valid: {message}",
            extensions={"errors": [error]},
        )
    )


def _listed(fields: list[str]) -> str:
    return ", ".join(f"`{field}`" for field in fields)
