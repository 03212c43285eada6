"""What nobody thought of: requests that Hypothesis makes up."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer
from tests.hostile.test_values import AIRPORT, PARAMETERS

pytestmark = pytest.mark.parametrize("async_database", ["aiosqlite", "asyncpg"], indirect=True)

# The database is one for all examples: each must leave it as its answers say.
MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# Surrogates too, which JSON can escape.
TEXT = st.text(st.characters(categories=None), max_size=120)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8
)
NAMES = st.sampled_from([*AIRPORT, "id", "country", "__class__"])
PATHS = st.sampled_from(["/airports", "/countries", "/countries/LU/airports"])
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(PARAMETERS) | TEXT,
        st.integers().map(str) | st.floats().map(str) | TEXT,
    ),
    max_size=6,
)


@given(changes=st.dictionaries(NAMES, VALUES, max_size=4))
@MANY
async def test_generated_bodies(
    http: httpx2.AsyncClient, ledger: Ledger, changes: dict[str, Any]
) -> None:
    """Whatever a body holds, its answer is the truth about what is stored."""
    airport = AIRPORT | {"icao": "XAAA"} | changes
    headers = {"content-type": "application/json"}
    response = await http.post("/airports", content=json.dumps(airport), headers=headers)
    check_answer(response.status_code, response.headers, response.content)
    if response.status_code == 201:
        created = response.json()
        ledger.put_airport(created)
        ledger.check()
        assert (await http.delete(f"/airports/{created['icao']}")).status_code == 204
        ledger.remove_airport(created["icao"])
    ledger.check()


@given(path=PATHS, query=QUERIES)
@MANY
async def test_generated_queries(
    http: httpx2.AsyncClient, path: str, query: list[tuple[str, str]]
) -> None:
    """Whatever a query asks for, the answer is a page or a problem."""
    encoded = urlencode(query, errors="surrogatepass")
    response = await http.get(f"{path}?{encoded}")
    check_answer(response.status_code, response.headers, response.content)
