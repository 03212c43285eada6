"""What every answer to a hostile request has to keep."""

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ("EXPECTED", "check_answer")

EXPECTED = frozenset({200, 201, 204, 307, 400, 404, 405, 409, 413, 422})

# Words of SQL, of drivers, of libraries, of constraints, and of files.
INTERNALS = re.compile(
    r"""traceback | \bselect\b | \binsert\b | \bupdate\b\s+\w+\s+set
    | \bconstraint\b | duplicate\ key
    | sqlalchemy | advanced_alchemy | asyncpg | psycopg | sqlite | pydantic | holdfast\. | starlette
    | (?-i:[a-z]Error\b) | \.py\b | site-packages | \buq_ | \bpk_ | \bfk_ | \bix_ | _key\b | _fkey\b
    | \bairport\. | \bcountry\.""",
    re.VERBOSE | re.IGNORECASE,
)
MEMBERS = {"type": str, "title": str, "status": int, "detail": str}


def check_answer(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail unless an answer is a success or a problem that gives nothing away.

    Args:
        status: Its status code.
        headers: Its headers, by lower-case name.
        body: All of its body.
    """
    assert status in EXPECTED, (status, body[:500])
    if status < 400:
        return
    assert headers["content-type"] == "application/problem+json", (status, body[:500])
    problem: dict[str, Any] = json.loads(body)
    for member, kind in MEMBERS.items():
        assert isinstance(problem[member], kind)
    assert problem["status"] == status
    assert problem["type"].startswith("urn:holdfast:problem:")
    found = INTERNALS.search(body.decode("ascii"))
    assert found is None, f"{found} in {body[:500]!r}"
