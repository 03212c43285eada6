"""Many clients who want the same thing at the same moment."""

import asyncio
from collections import Counter

import httpx2
import pytest

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer
from tests.hostile.test_values import AIRPORT


async def test_20_duplicates_make_one_airport(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Of twenty equal airports sent at once one is created, and nineteen are told of the code."""
    for number in range(3):
        airport = AIRPORT | {"icao": f"XAA{number}"}
        sent = [http.post("/airports", json=airport) for _ in range(20)]
        responses = await asyncio.gather(*sent)
        for response in responses:
            check_answer(response.status_code, response.headers, response.content)
        assert Counter(response.status_code for response in responses) == {201: 1, 409: 19}
        (created,) = (response for response in responses if response.status_code == 201)
        assert all(one.json()["fields"] == ["icao"] for one in responses if one is not created)
        ledger.put_airport(created.json())
        ledger.check()


@pytest.mark.filterwarnings("ignore:DELETE statement on table 'airport' expected to delete 1 row")
async def test_20_deletions_leave_nothing(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Of twenty deletions of one airport sent at once, each is done or finds nothing any more."""
    responses = await asyncio.gather(*(http.delete("/airports/ELLX") for _ in range(20)))
    for response in responses:
        check_answer(response.status_code, response.headers, response.content)
    statuses = {response.status_code for response in responses}
    assert 204 in statuses
    assert statuses <= {204, 404}
    ledger.remove_airport("ELLX")
    ledger.check()
