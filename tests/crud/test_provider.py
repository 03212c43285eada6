"""What the provider of a service says holds for the routes that are made of it."""

from typing import Any

import pytest
from sqlalchemy import select

from holdfast import CRUDRouter
from holdfast.errors import ConfigurationError
from tests.crud.library_api import AuthorCreate, AuthorRead, AuthorService, AuthorUpdate, Library
from tests.library import Author


def router(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router of the authors whose rating is 3."""
    provider = alchemy.provide_service(
        AuthorService, statement=select(Author).where(Author.rating == 3)
    )
    return CRUDRouter(
        provider,
        read=AuthorRead,
        create=AuthorCreate,
        update=AuthorUpdate,
        put=AuthorCreate,
        prefix="/authors",
        **options,
    )


async def test_the_criteria_of_a_statement_are_a_scope(library: Library) -> None:
    """They hold for whatever is read and written: a row outside is not there."""
    library.query(
        "INSERT INTO library_author (id, name, rating, tenant_id, version) "
        "VALUES (101, 'Ann', 3, 1, 1), (102, 'Bob', 1, 1, 1)"
    )
    app, alchemy = library.app()
    app.include_router(router(alchemy))
    async with library.client(app) as http:
        page = (await http.get("/authors")).json()
        assert ([row["id"] for row in page["items"]], page["total"]) == ([101], 1)
        assert (await http.get("/authors/102")).status_code == 404
        assert (await http.patch("/authors/102", json={"name": "Mine"})).status_code == 404
        assert (await http.put("/authors/102", json={"name": "Mine"})).status_code == 404
        assert (await http.delete("/authors/102")).status_code == 404
        assert (await http.patch("/authors/101", json={"rating": 1})).status_code == 422
        created = await http.post("/authors", json={"name": "Cid"})
        assert created.json()["rating"] == 3
    assert library.query("SELECT name, rating FROM library_author WHERE id = 102") == [("Bob", 1)]


async def test_an_estimate_would_count_what_a_statement_leaves_out(
    postgres_library: Library,
) -> None:
    """It is refused where the router is made, as within a scope."""
    _, alchemy = postgres_library.app()
    with pytest.raises(ConfigurationError, match="Leave 'estimated' out"):
        router(alchemy, totals=["estimated"])


async def test_only_a_service_s_provider_will_do(sqlite_library: Library) -> None:
    """A class, or a dependency of another kind, is refused by what to pass instead."""
    _, alchemy = sqlite_library.app()
    wrong: Any = AuthorService
    with pytest.raises(ConfigurationError, match=r"alchemy\.provide_service"):
        CRUDRouter(wrong, read=AuthorRead)
    wrong = alchemy.provide_session()
    with pytest.raises(ConfigurationError, match=r"alchemy\.provide_service"):
        CRUDRouter(wrong, read=AuthorRead)


async def test_a_failure_among_many_names_its_field(library: Library) -> None:
    """An item of a bulk request fails by index, with the field that cannot be so."""
    app, alchemy = library.app()
    app.include_router(
        CRUDRouter(
            alchemy.provide_service(AuthorService),
            read=AuthorRead,
            create=AuthorCreate,
            prefix="/authors",
            bulk=5,
        )
    )
    async with library.client(app) as http:
        items = [{"name": "A", "email": "x@y"}, {"name": "B"}, {"name": "C", "email": "x@y"}]
        failed = await http.post("/authors/bulk", json=items)
        assert failed.status_code == 409
        (error,) = failed.json()["errors"]
        assert (error["index"], error["fields"]) == (2, ["email"])
    assert library.query("SELECT * FROM library_author") == []


async def test_a_provider_can_be_overridden(sqlite_library: Library) -> None:
    """Generated routes depend on the provider itself, so `dependency_overrides` take."""

    class Loud(AuthorService):
        async def to_model_on_create(self, data: Any) -> Any:
            return {**data, "name": data["name"].upper()}

    app, alchemy = sqlite_library.app()
    provider = alchemy.provide_service(AuthorService)
    app.include_router(
        CRUDRouter(provider, read=AuthorRead, create=AuthorCreate, prefix="/authors")
    )
    app.dependency_overrides[provider] = alchemy.provide_service(Loud)
    async with sqlite_library.client(app) as http:
        assert (await http.post("/authors", json={"name": "Ann"})).json()["name"] == "ANN"
