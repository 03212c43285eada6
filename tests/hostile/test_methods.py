"""Methods that a path does not have."""

import httpx2
import pytest

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "BREW")
ALLOWED = {
    "/airports": {"GET", "POST"},
    "/airports/ELLX": {"GET", "PATCH", "DELETE"},
    "/countries": {"GET", "POST"},
    "/countries/LU": {"GET", "PATCH", "DELETE"},
    "/countries/LU/airports": {"GET"},
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_a_refused_method_names_all_that_are_allowed(
    http: httpx2.AsyncClient, ledger: Ledger, path: str
) -> None:
    """A method that a path does not have is a 405, whose `Allow` lists every one that it has."""
    for method in METHODS:
        if method not in ALLOWED[path]:
            response = await http.request(method, path)
            assert response.status_code == 405
            if method != "HEAD":
                check_answer(response.status_code, response.headers, response.content)
            assert set(response.headers["allow"].split(", ")) == ALLOWED[path]
    ledger.check()
