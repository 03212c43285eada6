"""What schemathesis holds against generated routes that is no fault of them: all of it, and why."""

from tests.conformance import Exclusion

__all__ = ("EXCLUSIONS", "SETTINGS")

SETTINGS = """
[checks]
# RFC 6585 has a status of its own for a header that says which version is meant.
missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]
# Whether a row is as If-Match says is no matter of how the request is written.
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429]
"""

_BULK = frozenset(
    f"{method} /{rows}/bulk"
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
    for rows in ("authors", "books", "countries", "drafts")
)

EXCLUSIONS = (
    Exclusion(
        None,
        "positive_data_acceptance",
        "urn:holdfast:problem:invalid-cursor",
        "A cursor is opaque: one that no page gave is not valid, whatever it is made of.",
    ),
    Exclusion(
        None,
        "positive_data_acceptance",
        r"The header `if-(none-)?match` is not valid",
        "The phase `coverage` sends the text 0 in an optional header, whatever its pattern.",
    ),
    Exclusion(
        None,
        "positive_data_acceptance",
        "urn:holdfast:problem:idempotency-key-reused",
        "The same key is sent with request after request; the document says to take a new one.",
    ),
    Exclusion(
        frozenset({"PUT /authors/{id}", "PATCH /authors/{id}", "DELETE /authors/{id}"}),
        "negative_data_rejection",
        r"parameter `if-(none-)?match` in header",
        "A key that was sent before is answered as the first time, whatever the other headers are.",
    ),
    Exclusion(
        _BULK,
        "unsupported_method",
        r"expected 405",
        "`bulk` may be the key of a row as well, so other methods are about that row.",
    ),
    Exclusion(
        _BULK,
        "allow_header_conformance",
        r"Undocumented methods advertised",
        "`bulk` may be the key of a row as well, so the methods are those of both.",
    ),
    Exclusion(
        frozenset({"PATCH /authors", "PATCH /books", "PATCH /countries", "PATCH /drafts"}),
        "positive_data_acceptance",
        "urn:holdfast:problem:(bulk-failed|duplicate-item)",
        "Items that are about the same row, or about none, fail: a schema speaks of each alone.",
    ),
    Exclusion(
        frozenset({"PUT /countries/{code}", "PUT /tags/{word}"}),
        "positive_data_acceptance",
        "A value is out of range, too long or not valid for its field",
        "A key that is longer than its column is that of no row, and can only not be put.",
    ),
)
