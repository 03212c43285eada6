"""The routes of `examples.airports`."""

import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from holdfast.testing import count_statements
from tests.examples.conftest import Query

if TYPE_CHECKING:
    import httpx2

FIELD = {
    "icao": "ELXX",
    "name": "Third Field",
    "elevation": 900,
    "latitude": 49.6,
    "longitude": 6.1,
    "country_code": "LU",
}


def codes(response: "httpx2.Response") -> list[str]:
    """Return the ICAO codes on a page."""
    assert response.status_code == 200, response.text
    return [item["icao"] for item in response.json()["items"]]


async def test_list_answers_a_page_with_countries(http: "httpx2.AsyncClient") -> None:
    """A page holds airports by ICAO code, their countries, and the total beyond the page."""
    page = (await http.get("/airports", params={"pageSize": 2})).json()
    assert [item["icao"] for item in page["items"]] == ["BIAE", "BIAL"]
    assert page["items"][0]["country"] == {"code": "IS", "name": "Iceland"}
    assert (page["limit"], page["offset"], page["total"]) == (2, 0, 85)


async def test_a_page_past_the_end_knows_the_total(http: "httpx2.AsyncClient") -> None:
    """A page past the end is empty, and its total is still that of the list."""
    page = (await http.get("/airports", params={"currentPage": 100})).json()
    assert (page["items"], page["total"]) == ([], 85)


async def test_a_page_takes_two_statements(http: "httpx2.AsyncClient", service: ModuleType) -> None:
    """However many airports a page shows, it is read with one statement and counted with one."""
    with count_statements(service.alchemy) as statements:
        await http.get("/airports", params={"pageSize": 85})
    assert len(statements) == 2


async def test_one_airport_takes_one_statement(
    http: "httpx2.AsyncClient", service: ModuleType
) -> None:
    """An airport is read together with its country."""
    with count_statements(service.alchemy) as statements:
        await http.get("/airports/ELLX")
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"searchString": "FINDEL"}, ["ELLX"]),
        ({"searchString": "prn"}, ["BKPR"]),
        ({"countryCodeIn": ["GI", "XK"]}, ["BKPR", "LXGB", "LYPT"]),
        ({"timezoneIn": "Europe/Luxembourg", "searchString": "field"}, ["ELUS"]),
        ({"orderBy": "elevation", "sortOrder": "desc", "pageSize": 2}, ["BIND", "BIKE"]),
    ],
)
async def test_list_can_be_searched_filtered_and_sorted(
    http: "httpx2.AsyncClient", params: dict[str, Any], expected: list[str]
) -> None:
    """What the query string asks for is what the page holds."""
    assert codes(await http.get("/airports", params=params)) == expected


async def test_pages_cover_a_list_sorted_by_a_value_that_repeats(
    http: "httpx2.AsyncClient",
) -> None:
    """Sorted by elevation, where several are equal, every airport is on exactly one page."""
    pages = [
        await http.get(
            "/airports", params={"orderBy": "elevation", "pageSize": 5, "currentPage": page}
        )
        for page in range(1, 18)
    ]
    found = [item for page in pages for item in page.json()["items"]]
    assert len({item["icao"] for item in found}) == len(found) == 85
    elevations = [item["elevation"] for item in found]
    assert elevations == sorted(elevations)


async def test_sorting_by_an_undeclared_column_is_refused(http: "httpx2.AsyncClient") -> None:
    """A column that is not declared as sortable is a 422."""
    assert (await http.get("/airports", params={"orderBy": "id"})).status_code == 422


async def test_airports_of_a_country(http: "httpx2.AsyncClient") -> None:
    """The airports of a country are the list of that country alone, filters included."""
    assert codes(await http.get("/countries/LU/airports")) == ["ELLX", "ELNT", "ELUS"]
    found = await http.get("/countries/LU/airports", params={"searchString": "useldange"})
    assert codes(found) == ["ELUS"]


async def test_countries_are_listed_by_code(http: "httpx2.AsyncClient") -> None:
    """Countries can be found by name and come in the order of their codes."""
    page = (await http.get("/countries", params={"q": "korea"})).json()
    assert page["items"] == [
        {"code": "KP", "name": "North Korea"},
        {"code": "KR", "name": "South Korea"},
    ]


@pytest.mark.parametrize("path", ["/airports/ZZZZ", "/countries/ZZ", "/countries/ZZ/airports"])
async def test_what_is_not_there_is_a_404(http: "httpx2.AsyncClient", path: str) -> None:
    """An unknown code is answered as a problem that says so."""
    response = await http.get(path)
    assert response.status_code == 404
    assert response.json()["type"] == "urn:holdfast:problem:not-found"


async def test_a_malformed_code_is_a_422(http: "httpx2.AsyncClient") -> None:
    """A path that cannot be an ICAO code does not reach the database."""
    assert (await http.get("/airports/toolong")).status_code == 422


async def test_a_created_airport_is_committed(http: "httpx2.AsyncClient", query: Query) -> None:
    """Once 201 is there, another connection reads the row; the answer shows the country."""
    response = await http.post("/airports", json=FIELD)
    assert response.status_code == 201
    assert response.json()["country"] == {"code": "LU", "name": "Luxembourg"}
    assert query("SELECT name FROM airport WHERE icao = 'ELXX'") == [("Third Field",)]


@pytest.mark.parametrize("change", [{"icao": "ELLX"}, {"iata": "LUX"}, {"country_code": "ZZ"}])
async def test_a_conflicting_airport_is_a_409(
    http: "httpx2.AsyncClient", query: Query, change: dict[str, Any]
) -> None:
    """A taken code or a country that does not exist is a conflict that names the field."""
    response = await http.post("/airports", json=FIELD | change)
    assert response.status_code == 409
    assert response.json()["fields"] == [*change]
    assert query("SELECT count(*) FROM airport") == [(85,)]


@pytest.mark.parametrize(
    "change",
    [
        {"icao": "ellx"},
        {"iata": "LU"},
        {"name": "  "},
        {"latitude": 90.1},
        {"longitude": -180.1},
        {"elevation": 99_999},
        {"country_code": "LUX"},
        {"elevaton": 900},
        {"name": None},
        {"name": "Third\0Field"},
        {"name": "Third Field "},
        {"city": "x" * 101},
        {"timezone": "Europe/Saint Mary"},
        {"elevation": "900"},
        {"latitude": True},
    ],
)
async def test_an_invalid_airport_is_a_422(
    http: "httpx2.AsyncClient", query: Query, change: dict[str, Any]
) -> None:
    """What the schema refuses is answered with the field's name, in POST and in PATCH alike."""
    for response in (
        await http.post("/airports", json=FIELD | change),
        await http.patch("/airports/ELLX", json=change),
    ):
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["body", *change]]
    assert query("SELECT count(*) FROM airport") == [(85,)]


async def test_patch_changes_what_is_sent(http: "httpx2.AsyncClient", query: Query) -> None:
    """Sent fields change, an explicit null empties, fields left out stay as they were."""
    before = (await http.get("/airports/ELLX")).json()
    response = await http.patch("/airports/ELLX", json={"name": "Findel", "iata": None})
    assert response.status_code == 200
    assert response.json() == before | {"name": "Findel", "iata": None}
    assert query("SELECT name, iata, city FROM airport WHERE icao = 'ELLX'") == [
        ("Findel", None, "Luxembourg")
    ]


async def test_patch_answers_the_new_country(http: "httpx2.AsyncClient") -> None:
    """An airport moved to another country is answered with that country."""
    response = await http.patch("/airports/ELLX", json={"country_code": "BE"})
    assert response.json()["country"] == {"code": "BE", "name": "Belgium"}


async def test_patch_to_a_taken_code_is_a_409(http: "httpx2.AsyncClient", query: Query) -> None:
    """A code that another airport has is a conflict, and the airport keeps its own."""
    response = await http.patch("/airports/ELLX", json={"icao": "ELUS", "name": "Lost"})
    assert response.status_code == 409
    assert query("SELECT name FROM airport WHERE name = 'Lost'") == []


async def test_a_deleted_airport_is_gone(http: "httpx2.AsyncClient", query: Query) -> None:
    """After the 204 another connection finds no row, and the next request a 404."""
    response = await http.delete("/airports/ELLX")
    assert (response.status_code, response.content) == (204, b"")
    assert query("SELECT * FROM airport WHERE icao = 'ELLX'") == []
    assert (await http.delete("/airports/ELLX")).status_code == 404


async def test_a_country_with_airports_stays(http: "httpx2.AsyncClient", query: Query) -> None:
    """Deleting a country that airports refer to is a conflict, and country and airports stay."""
    assert (await http.delete("/countries/LU")).status_code == 409
    assert query("SELECT count(*) FROM airport WHERE country_code = 'LU'") == [(3,)]
    assert query("SELECT name FROM country WHERE code = 'LU'") == [("Luxembourg",)]


async def test_a_country_comes_and_goes(http: "httpx2.AsyncClient", query: Query) -> None:
    """A country without airports can be added, read and deleted."""
    atlantis = {"code": "ZZ", "name": "Atlantis"}
    assert (await http.post("/countries", json=atlantis)).status_code == 201
    assert (await http.get("/countries/ZZ")).json() == atlantis
    assert (await http.delete("/countries/ZZ")).status_code == 204
    assert query("SELECT * FROM country WHERE code = 'ZZ'") == []


async def test_the_docs_need_no_other_host(http: "httpx2.AsyncClient") -> None:
    """Whatever the documentation page loads comes from the service itself."""
    page = (await http.get("/docs")).text
    links = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert links
    for link in links:
        assert (await http.get(link)).status_code == 200
    assert "https://" not in page
