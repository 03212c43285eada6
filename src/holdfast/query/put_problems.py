"""What a client is told about a PUT that is refused."""

from collections.abc import Iterable
from http import HTTPStatus

from holdfast.problems import Problem, ProblemError

__all__ = ("deleted_record", "key_mismatch")


def deleted_record() -> ProblemError:
    """Return the answer for a row that is there, but marked as deleted."""
    return ProblemError(
        Problem(
            "deleted-record",
            HTTPStatus.CONFLICT,
            "Deleted",
            "There is a deleted record with this key. Nothing was changed; restore it first.",
        )
    )


def key_mismatch(fields: Iterable[str]) -> ProblemError:
    """Return the answer for data whose key is not the one that the request names."""
    named = list(fields)
    listed = ", ".join(f"`{name}`" for name in named)
    return ProblemError(
        Problem(
            "key-mismatch",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Not acceptable",
            f"The value of {listed} is not that of the record's address. Nothing was changed.",
            extensions={"fields": named},
        )
    )
