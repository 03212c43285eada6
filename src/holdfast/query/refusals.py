"""What a client is told about a parameter that cannot be meant."""

from http import HTTPStatus

from holdfast.problems import Problem, ProblemError

__all__ = ("invalid_parameter",)


def invalid_parameter(name: str, message: str, type_: str) -> ProblemError:
    """Make the refusal of a query parameter, for the caller to raise.

    Args:
        name: The parameter, as the client wrote it.
        message: What is wrong with its value, without repeating it.
        type_: The kind of mistake, stable, such as ``unknown_sort_key``.
    """
    return ProblemError(
        Problem(
            "invalid-parameter",
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Parameter not acceptable",
            f"The query parameter {name!r} is not acceptable; see `errors`.",
            extensions={"errors": [{"loc": ["query", name], "msg": message, "type": type_}]},
        )
    )
