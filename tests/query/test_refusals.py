"""What a client is told about a parameter."""

from holdfast.query.refusals import invalid_parameter


def test_a_refusal_names_the_parameter_and_not_its_value() -> None:
    """The problem is a 422 whose `errors` say where, what and which kind."""
    problem = invalid_parameter("sort", "There is no such key", "unknown_sort_key").problem
    assert problem.members() == {
        "type": "urn:holdfast:problem:invalid-parameter",
        "title": "Parameter not acceptable",
        "status": 422,
        "detail": "The query parameter 'sort' is not acceptable; see `errors`.",
        "errors": [
            {"loc": ["query", "sort"], "msg": "There is no such key", "type": "unknown_sort_key"}
        ],
    }
