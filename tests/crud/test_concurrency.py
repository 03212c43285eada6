"""Many requests for one row at once, and what a version has to do with it."""

import asyncio
from collections import Counter
from typing import Any

from pydantic import BaseModel

from holdfast import CRUDRouter
from tests.crud.library_api import (
    AuthorCreate,
    AuthorRead,
    AuthorService,
    AuthorUpdate,
    CountryRead,
    CountryService,
    Library,
)

REQUESTS = 100


async def test_one_of_many_changes_of_a_version_succeeds(library: Library) -> None:
    """Of 100 concurrent PATCHes with one ETag one is a 200, and all the others are a 412."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy, require_if_match=True))
    async with library.client(app) as http:
        created = await http.post("/authors", json={"name": "Ann"})
        path, etag = created.headers["location"], created.headers["etag"]

        async def patch(number: int) -> int:
            changes = {"name": f"Ann {number}"}
            answer = await http.patch(path, json=changes, headers={"If-Match": etag})
            return answer.status_code

        statuses = Counter(await in_waves(patch))
        assert statuses == {200: 1, 412: REQUESTS - 1}
        assert (await http.get(path)).headers["etag"] == '"2"'
        assert (await http.patch(path, json={"name": "Bob"})).status_code == 428


async def test_one_of_many_puts_creates(library: Library) -> None:
    """Of 100 concurrent PUTs of one new key one is a 201, and there is one row."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy, put=AuthorCreate))
    async with library.client(app) as http:

        async def put(number: int) -> int:
            return (await http.put("/authors/7", json={"name": f"Ann {number}"})).status_code

        statuses = Counter(await in_waves(put))
        assert statuses == {201: 1, 200: REQUESTS - 1}
    assert library.query("SELECT count(*) FROM library_author") == [(1,)]


async def test_a_row_without_a_version_has_no_tag(library: Library) -> None:
    """A change under an entity tag is a 412, as no such row is there; `*` is any row."""
    library.query("INSERT INTO library_country (code, name) VALUES ('pl', 'Poland')")
    app, alchemy = library.app()
    provider = alchemy.provide_service(CountryService)
    app.include_router(
        CRUDRouter(provider, read=CountryRead, update=CountryName, prefix="/countries")
    )
    async with library.client(app) as http:
        path, body = "/countries/pl", {"name": "Polska"}
        assert "etag" not in (await http.get(path)).headers
        tagged = {"If-Match": '"1"'}
        assert (await http.patch(path, json=body, headers=tagged)).status_code == 412
        assert (await http.delete(path, headers=tagged)).status_code == 412
        answer = await http.patch(path, json=body, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["name"]) == (200, "Polska")


async def test_a_tag_among_many_is_told_by_its_index(sqlite_library: Library) -> None:
    """One that is missing where it is required, and one that is none, are failures of an item."""
    app, alchemy = sqlite_library.app()
    app.include_router(authors(alchemy, require_if_match=True, bulk=5))
    async with sqlite_library.client(app) as http:
        created = await http.post("/authors", json={"name": "Ann"})
        key, etag = created.json()["id"], created.headers["etag"]
        tags: list[dict[str, str]] = [{"if_match": etag}, {}, {"if_match": "none"}]
        items = [{"id": key, "changes": {"name": "Bob"}, **tag} for tag in tags]
        refused = await http.patch("/authors", json=items)
        told = [(error["index"], error["status"]) for error in refused.json()["errors"]]
        assert (refused.status_code, told) == (422, [(1, 428), (2, 422)])
        one = await http.patch("/authors", json=items[1:2])
        assert (one.status_code, one.json()["type"]) == (428, "urn:holdfast:problem:bulk-failed")
        assert (await http.patch("/authors", json=items[:1])).status_code == 200


class CountryName(BaseModel):
    """What of a country changes."""

    name: str = ""


def authors(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router of authors."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        read=AuthorRead,
        create=AuthorCreate,
        update=AuthorUpdate,
        prefix="/authors",
        **options,
    )


async def in_waves(call: Any) -> list[int]:
    """Run the requests as many at once as the pool has connections for."""
    found: list[int] = []
    for start in range(0, REQUESTS, 10):
        found += await asyncio.gather(*(call(start + number) for number in range(10)))
    return found
