"""Hostile values in every place of every route, one at a time."""

import json
from typing import Any
from urllib.parse import quote

import httpx2

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer
from tests.hostile.values import JSON_VALUES, QUERY_VALUES, TEXTS

AIRPORT: dict[str, Any] = {
    "icao": "XAAA",
    "iata": None,
    "name": "Third Field",
    "city": None,
    "subdivision": None,
    "elevation": 900,
    "latitude": 49.6,
    "longitude": 6.1,
    "timezone": None,
    "country_code": "LU",
}
COUNTRY = {"code": "QA", "name": "Nowhere"}
PARAMETERS = (
    "currentPage",
    "pageSize",
    "searchString",
    "searchIgnoreCase",
    "orderBy",
    "sortOrder",
    "countryCodeIn",
    "timezoneIn",
    "icao",
    "__class__",
)
JSON = {"content-type": "application/json"}
ALL_QUERY_VALUES = (*QUERY_VALUES, *(quote(text) for text in TEXTS))


def with_member(members: dict[str, Any], name: str, source: str) -> bytes:
    """Return a JSON object in which one member is what the source says, whatever that is."""
    rest = json.dumps({key: value for key, value in members.items() if key != name})
    return f"{rest[:-1]}, {json.dumps(name)}: {source}}}".encode()


def code(number: int) -> str:
    """Return an ICAO code that no other request uses."""
    return f"X{number:03d}"


async def sent(http: httpx2.AsyncClient, method: str, url: str, body: bytes | None = None) -> Any:
    """Send a request, check its answer, and return what it says where it is a success."""
    response = await http.request(method, url, content=body, headers=None if body is None else JSON)
    check_answer(response.status_code, response.headers, response.content)
    return response.json() if response.status_code in {200, 201} else None


async def test_values_of_a_new_airport(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Whatever a field is sent as, an airport is stored as its 201 says, or not at all."""
    number = 0
    for field in AIRPORT:
        for source in JSON_VALUES:
            number += 1
            members = AIRPORT | {"icao": code(number)}
            answer = await sent(http, "POST", "/airports", with_member(members, field, source))
            if answer is not None:
                ledger.put_airport(answer)
    ledger.check()


async def test_values_of_a_change(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Whatever a field is changed to, the airport is as its 200 says, or as it was."""
    for field in AIRPORT:
        for source in JSON_VALUES:
            body = with_member({}, field, source).replace(b"{, ", b"{")
            answer = await sent(http, "PATCH", "/airports/ELLX", body)
            if answer is not None:
                ledger.put_airport(answer, instead_of="ELLX")
    ledger.check()


async def test_values_of_a_new_country(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Whatever a country's field is sent as, it is stored as its 201 says, or not at all."""
    for field in COUNTRY:
        for source in JSON_VALUES:
            answer = await sent(http, "POST", "/countries", with_member(COUNTRY, field, source))
            if answer is not None:
                ledger.put_country(answer)
                assert (await http.delete(f"/countries/{answer['code']}")).status_code == 204
                ledger.remove_country(answer["code"])
    ledger.check()


async def test_names_of_fields(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """A field that is none is refused by name, whatever the name is."""
    names = ("id", "country", "__class__", "__init__", "_sa_instance_state", "metadata", *TEXTS)
    for name in names:
        for source in ("1", r'"\ud800"'):
            members = AIRPORT | {"icao": "XAAA"}
            body = with_member(members, name, source)
            assert await sent(http, "POST", "/airports", body) is None
            assert await sent(http, "PATCH", "/airports/ELLX", body) is None
    surrogate = rb'{"\ud800": 1}'
    assert await sent(http, "POST", "/airports", surrogate) is None
    ledger.check()


async def test_values_of_a_query(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Whatever a list is asked for, it answers a page or a problem."""
    for path in ("/airports", "/countries"):
        for name in PARAMETERS:
            for value in ALL_QUERY_VALUES:
                await sent(http, "GET", f"{path}?{name}={value}")
    ledger.check()


async def test_codes_in_a_path(http: httpx2.AsyncClient, ledger: Ledger) -> None:
    """Whatever a path names, the answer is a problem, and nothing is deleted."""
    for path in ("/airports/{}", "/countries/{}", "/countries/{}/airports"):
        for value in (*ALL_QUERY_VALUES, "%2e%2e", "..%2f..", "a%2fb", "ELLX%00", "ELLX%0a"):
            url = path.format(value)
            await sent(http, "GET", url)
            await sent(http, "DELETE", url)
            await sent(http, "PATCH", url, b'{"name": "Taken"}')
    ledger.check()
