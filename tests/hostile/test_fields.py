"""Conflicts with what is stored: a 409 that names the field, on every engine."""

from typing import Any

import httpx2
import pytest

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer
from tests.hostile.test_values import AIRPORT


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"icao": "ELLX"}, "The value of `icao` is already taken."),
        ({"iata": "LUX"}, "The value of `iata` is already taken."),
        ({"country_code": "ZZ"}, "What `country_code` refers to does not exist."),
    ],
)
async def test_a_conflict_names_its_field(
    http: httpx2.AsyncClient, ledger: Ledger, change: dict[str, Any], detail: str
) -> None:
    """A taken code, or a country that is not there, is named in POST and in PATCH alike."""
    for response in (
        await http.post("/airports", json=AIRPORT | change),
        await http.patch("/airports/ELUS", json=change),
    ):
        check_answer(response.status_code, response.headers, response.content)
        assert response.status_code == 409
        assert response.json()["fields"] == [*change]
        assert response.json()["detail"] == f"{detail} Nothing was changed."
    ledger.check()


@pytest.mark.parametrize(
    ("country", "field"),
    [({"code": "LU", "name": "Other"}, "code"), ({"code": "ZZ", "name": "Luxembourg"}, "name")],
)
async def test_a_taken_country_names_its_field(
    http: httpx2.AsyncClient, ledger: Ledger, country: dict[str, str], field: str
) -> None:
    """A country's code, which is its key, is named like any other unique field."""
    response = await http.post("/countries", json=country)
    check_answer(response.status_code, response.headers, response.content)
    assert (response.status_code, response.json()["fields"]) == (409, [field])
    ledger.check()


async def test_a_country_with_airports_is_referred_to(
    http: httpx2.AsyncClient, ledger: Ledger
) -> None:
    """Deleting a country that has airports is a 409 that says why, and blames no field."""
    response = await http.delete("/countries/LU")
    check_answer(response.status_code, response.headers, response.content)
    assert response.status_code == 409
    assert response.json()["detail"].startswith("Another record still refers to this one.")
    assert "fields" not in response.json()
    ledger.check()
