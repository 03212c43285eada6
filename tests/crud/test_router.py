"""A router from a service: which routes there are, and what they answer."""

from http import HTTPStatus
from typing import Any

import pytest

from holdfast import CRUDRouter
from holdfast.errors import ConfigurationError
from holdfast.testing import count_statements
from tests.crud.library_api import AuthorCreate, AuthorRead, AuthorService, AuthorUpdate, Library
from tests.library import Author


def authors(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router that offers everything."""
    offered: dict[str, Any] = {
        "create": AuthorCreate,
        "update": AuthorUpdate,
        "put": AuthorCreate,
        "prefix": "/authors",
        "filters": {Author.name: ["eq", "icontains"], Author.rating: ["ge", "in"]},
        "sort": [Author.name, Author.rating],
        "search": [Author.name],
        "bulk": 10,
    }
    return CRUDRouter(
        alchemy.provide_service(AuthorService), read=AuthorRead, **{**offered, **options}
    )


async def test_a_row_is_created_read_changed_and_deleted(library: Library) -> None:
    """Each answer is the row as it is committed, in as few statements as that takes."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        with count_statements(library.engine) as statements:
            created = await http.post("/authors", json={"name": "Ann", "rating": 3})
        row = created.json()
        assert (created.status_code, len(statements)) == (201, 1)
        path = f"/authors/{row['id']}"
        assert created.headers["location"] == path
        assert created.headers["etag"] == '"1"'
        assert row == {"id": row["id"], "name": "Ann", "email": None, "rating": 3}
        assert (await http.get(path)).json() == row

        with count_statements(library.engine) as statements:
            changed = await http.patch(path, json={"rating": None})
        assert changed.json() == {**row, "rating": None}
        assert (changed.headers["etag"], len(statements)) == ('"2"', 2)
        assert library.query("SELECT name, rating FROM library_author") == [("Ann", None)]

        deleted = await http.delete(path)
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert (await http.get(path)).status_code == HTTPStatus.NOT_FOUND
        assert library.query("SELECT * FROM library_author") == []


async def test_a_list_is_filtered_sorted_searched_and_paged(library: Library) -> None:
    """What is declared works together, and the links lead through the pages."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy, pagination="cursor"))
    async with library.client(app) as http:
        rows = [{"name": f"Ann {n}", "rating": n % 3} for n in range(9)]
        assert (await http.post("/authors/bulk", json=rows)).status_code == 201
        page = await http.get(
            "/authors?rating__ge=1&sort=-rating,name&limit=4&q=ann&name__icontains=ANN"
        )
        assert [row["name"] for row in page.json()["items"]] == ["Ann 2", "Ann 5", "Ann 8", "Ann 1"]
        assert page.json()["total"] == 6
        following = await http.get(page.links["next"]["url"])
        assert [row["name"] for row in following.json()["items"]] == ["Ann 4", "Ann 7"]
        assert following.json()["next_cursor"] is None
        assert "next" not in following.links
        back = await http.get(following.links["prev"]["url"])
        assert back.json()["items"] == page.json()["items"]


async def test_rows_are_counted_where_the_page_does_not_tell(library: Library) -> None:
    """The total is right on every page, and takes no statement where the last row is on it."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        await http.post("/authors/bulk", json=[{"name": f"Ann {n}"} for n in range(5)])
        for query, count in {
            "limit=2": 2,
            "limit=5": 1,
            "limit=2&offset=4": 1,
            "limit=2&offset=9": 2,
            "offset=9&total=none": 1,
            "name=nobody": 1,
        }.items():
            with count_statements(library.engine) as statements:
                page = await http.get(f"/authors?{query}")
            expected = None if "none" in query else 0 if "nobody" in query else 5
            assert (page.json()["total"], len(statements)) == (expected, count), query


async def test_a_misspelt_parameter_is_refused(library: Library) -> None:
    """A filter that is not declared is a 422 that names it, instead of every row."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        answer = await http.get("/authors?nmae=Ann")
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["loc"] == ["query", "nmae"]


async def test_only_what_is_declared_is_offered(library: Library) -> None:
    """A router with a read schema alone reads; nothing of it writes, filters or sorts."""
    app, alchemy = library.app()
    router = CRUDRouter(alchemy.provide_service(AuthorService), read=AuthorRead, prefix="/authors")
    app.include_router(router)
    paths = app.openapi()["paths"]
    assert {path: [*methods] for path, methods in paths.items()} == {
        "/authors": ["get"],
        "/authors/{id}": ["get"],
    }
    names = [parameter["name"] for parameter in paths["/authors"]["get"]["parameters"]]
    assert names == ["limit", "offset", "total"]


@pytest.mark.parametrize(
    "options",
    [
        {"filters": {Author.password_hash: ["eq"]}},
        {"sort": [Author.password_hash]},
        {"search": [Author.password_hash]},
    ],
    ids=" ".join,
)
async def test_a_secret_cannot_be_found_out(
    sqlite_library: Library, options: dict[str, Any]
) -> None:
    """What looks like a secret is neither filtered, nor sorted by, nor searched."""
    _, alchemy = sqlite_library.app()
    with pytest.raises(ConfigurationError, match="show_secrets"):
        authors(alchemy, **options)
    assert authors(alchemy, show_secrets=[Author.password_hash], **options)
