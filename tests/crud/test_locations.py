"""`Location` and `Link` lead to rows and pages, whatever their paths and queries hold."""

from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from holdfast import CRUDRouter
from tests.asgi import request
from tests.crud.library_api import CountryRead, CountryService, Library
from tests.library import Country

# Slashes part a path, dots alone mean folders, and NUL is refused by PostgreSQL.
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9)


class CountryPut(BaseModel):
    """A country under its name."""

    code: str


@pytest.fixture
def app(sqlite_library: Library) -> FastAPI:
    """Give an application with countries under their names, below a part that varies."""
    app, alchemy = sqlite_library.app()
    router = CRUDRouter(
        alchemy.provide_service(CountryService),
        read=CountryRead,
        create=CountryRead,
        put=CountryPut,
        key=Country.name,
        prefix="/countries",
        filters={Country.name: ["eq"]},
    )
    app.include_router(router, prefix="/in/{world}")
    return app


@given(world=KEYS, name=KEYS.filter(lambda name: name.strip(".") != ""))
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_location_leads_to_the_row(
    app: FastAPI, sqlite_library: Library, world: str, name: str
) -> None:
    """POST and PUT answer with the path under which the row is found, in ASCII."""
    sqlite_library.empty()
    world = f"w{world}"
    async with sqlite_library.client(app) as http:
        rows = f"/in/{quote(world, safe='')}/countries"
        created = await http.post(rows, json={"code": "AA", "name": name})
        assert created.status_code == 201
        assert created.headers["location"].isascii()
        assert (await http.get(created.headers["location"])).json() == created.json()
        await http.delete(created.headers["location"])
        put = await http.put(f"{rows}/{quote(name, safe='')}", json={"code": "AA"})
        assert put.status_code == 201
        assert (await http.get(put.headers["location"])).json() == put.json()


@given(world=KEYS, name=KEYS)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_links_lead_to_pages(
    app: FastAPI, sqlite_library: Library, world: str, name: str
) -> None:
    """The next page has the path and the parameters of this one."""
    sqlite_library.empty()
    async with sqlite_library.client(app) as http:
        path = f"/in/{quote(f'w{world}', safe='')}/countries"
        query = urlencode({"name": name, "offset": 3, "limit": 2})
        page = await http.get(f"{path}?{query}")
        assert page.status_code == 200
        previous = await http.get(page.links["prev"]["url"])
        assert (previous.status_code, previous.json()["offset"]) == (200, 1)
        assert previous.json()["limit"] == 2


async def test_a_query_of_any_bytes_is_linked(app: FastAPI) -> None:
    """Bytes that are no UTF-8, or that would end a header, come back encoded or replaced."""

    async def with_bytes(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "query_string": b"name=\xff%ff%0d%0a>;rel=x"}, receive, send)

    answer = await request(with_bytes, path="/in/w/countries")
    assert answer.status == 200
    link = answer.headers["link"]
    assert link.startswith("</in/w/countries?name=%C3%BF%EF%BF%BD%0D%0A%3E%3Brel%3Dx")
