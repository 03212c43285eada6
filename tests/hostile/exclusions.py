"""What schemathesis holds against the example that is no fault of it: all of it, and why.

A finding is excluded only where operation, check and the words of the finding all fit. That each
exclusion is still needed is tested too.
"""

from tests.conformance import Exclusion

__all__ = ("EXCLUSIONS", "SETTINGS")

SETTINGS = """
[checks]
# Whether a row is as If-Match says is no matter of how the request is written.
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429]
"""

LISTS = frozenset({"GET /airports", "GET /countries", "GET /countries/{code}/airports"})

EXCLUSIONS = (
    Exclusion(
        None,
        "positive_data_acceptance",
        r'"header","if-(none-)?match"\],"msg":"It is a list of entity tags',
        "The phase `coverage` sends the text 0 in an optional header, whatever its pattern.",
    ),
    Exclusion(
        frozenset({"GET /countries"}),
        "positive_data_acceptance",
        "urn:holdfast:problem:invalid-cursor",
        "A cursor is opaque: one that no page gave is not valid, whatever it is made of.",
    ),
    Exclusion(
        LISTS,
        "positive_data_acceptance",
        r'"currentPage"\],"msg":"Input should be less than or equal to \d+"',
        "The deepest page depends on the size of the page. A schema bounds each parameter alone: "
        "the document has the largest number that any size allows, and says in words what counts.",
    ),
    Exclusion(
        LISTS,
        "negative_data_rejection",
        r"parameter `timezoneIn` in query - violates `anyOf`",
        "A value that is no list is sent as a list of one is, and an object without members as no "
        "value at all: what arrived is valid.",
    ),
)
