"""What the OpenAPI document says of generated routes."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from holdfast import AdvancedAlchemy, CRUDRouter
from tests.crud.library_api import (
    AuthorCreate,
    AuthorRead,
    AuthorService,
    AuthorUpdate,
    CountryRead,
    CountryService,
    Library,
)
from tests.library import Author, Country

Document = dict[str, Any]


class Nameless(BaseModel):
    """An author whose key is not shown."""

    name: str


def authors(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router that offers everything."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        **{
            "read": AuthorRead,
            "create": AuthorCreate,
            "update": AuthorUpdate,
            "put": AuthorCreate,
            "prefix": "/authors",
            "bulk": 10,
            **options,
        },
    )


def ids(app: FastAPI) -> list[str]:
    """Return the ids of all operations of the document, in its order."""
    paths = app.openapi()["paths"]
    return [item["operationId"] for methods in paths.values() for item in methods.values()]


def linked(document: Document, path: str, method: str, status: str) -> dict[str, Any]:
    """Return the links of an answer, each with what it hands on."""
    links = document["paths"][path][method]["responses"][status]["links"]
    return {link["operationId"]: link["parameters"] for link in links.values()}


EVERY = [
    "list_authors",
    "create_author",
    "update_authors",
    "delete_authors",
    "create_authors",
    "get_author",
    "update_author",
    "put_author",
    "delete_author",
]


@pytest.fixture
def app(sqlite_library: Library) -> FastAPI:
    """Give an application."""
    return sqlite_library.app()[0]


@pytest.fixture
def alchemy(app: FastAPI) -> AdvancedAlchemy:
    """Give its extension."""
    extension: AdvancedAlchemy = app.state.advanced_alchemy
    return extension


async def test_ids_are_short_wherever_a_router_is(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """A prefix above the router does not show, and no title tells of a longer id."""
    app.include_router(authors(alchemy), prefix="/api/v1")
    assert ids(app) == EVERY
    created = app.openapi()["paths"]["/api/v1/authors/bulk"]["post"]["responses"]["201"]
    schema = created["content"]["application/json"]["schema"]
    assert schema["title"] == "Response Create Authors"


async def test_a_router_that_is_included_twice(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """The first keeps its ids, the second has the folder before its own; links stay inside."""
    router = authors(alchemy)
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")
    assert ids(app) == [*EVERY, *(f"v2_{name}" for name in EVERY)]
    row = {"path.id": "$response.body#/id"}
    tagged = {**row, "header.if-match": "$response.header.ETag"}
    assert linked(app.openapi(), "/v2/authors", "post", "201") == {
        "v2_get_author": row,
        "v2_update_author": tagged,
        "v2_put_author": tagged,
        "v2_delete_author": tagged,
    }
    assert next(iter(linked(app.openapi(), "/v1/authors", "post", "201"))) == "get_author"


async def test_two_routers_of_one_model(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """Each operation has an id of its own, and each model is in the document once."""
    app.include_router(authors(alchemy))
    app.include_router(authors(alchemy, prefix="/people"))
    app.include_router(authors(alchemy, prefix="/admin/authors"))
    found = ids(app)
    assert len(found) == len(set(found)) == 3 * len(EVERY)
    assert {"list_authors", "list_people", "admin_list_authors"} <= {*found}
    assert {"get_author", "people_get_author", "admin_get_author"} <= {*found}
    schemas = app.openapi()["components"]["schemas"]
    assert [name for name in schemas if "Item" in name] == ["AuthorUpdateItem"]
    assert not [name for name in schemas if "__" in name]


async def test_ids_of_the_application_stay(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """What it says itself of ids is not changed; a generated one gives way to another's."""

    def own(route: APIRoute) -> str:
        return f"mine-{route.name}"

    app.add_api_route("/a", lambda: None, operation_id="list_authors")
    app.include_router(authors(alchemy))
    app.include_router(authors(alchemy), prefix="/v2", generate_unique_id_function=own)
    found = ids(app)
    assert found[:3] == ["list_authors", "authors_list_authors", "create_author"]
    assert found[10:] == [f"mine-{name}" for name in EVERY]


async def test_a_document_that_is_made_again(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """It says the same."""
    app.include_router(authors(alchemy))
    before = app.openapi()
    app.openapi_schema = None
    assert app.openapi() == before


async def test_a_merge_patch_has_the_same_schema(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """PATCH takes JSON under two media types, and tells of no default for what is left out."""
    app.include_router(authors(alchemy))
    document = app.openapi()
    content = document["paths"]["/authors/{id}"]["patch"]["requestBody"]["content"]
    assert content.keys() == {"application/json", "application/merge-patch+json"}
    assert content["application/merge-patch+json"] == content["application/json"]
    assert content["application/json"]["schema"]["$ref"].endswith("/AuthorUpdate")
    schema = document["components"]["schemas"]["AuthorUpdate"]
    assert "required" not in schema
    assert not [member for member in schema["properties"].values() if "default" in member]


async def test_headers_are_documented(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """Those of requests with their form, those of answers where they are."""
    app.include_router(authors(alchemy))
    paths = app.openapi()["paths"]
    row, rows = paths["/authors/{id}"], paths["/authors"]
    (if_match,) = [each for each in row["patch"]["parameters"] if each["name"] == "if-match"]
    assert (if_match["required"], if_match["schema"]["type"]) == (False, "string")
    assert rows["get"]["responses"]["200"]["headers"].keys() == {"Link"}
    assert rows["post"]["responses"]["201"]["headers"].keys() == {"Location", "ETag"}
    assert row["put"]["responses"]["201"]["headers"].keys() == {"Location", "ETag"}
    for method in ("get", "patch", "put"):
        assert row[method]["responses"]["200"]["headers"].keys() == {"ETag"}
    assert row["get"]["responses"]["304"]["headers"].keys() == {"ETag"}
    assert "content" not in row["get"]["responses"]["304"]


async def test_a_required_precondition(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """Clients are told of the header, of each item's, and of what is answered without."""
    app.include_router(authors(alchemy, require_if_match=True))
    document = app.openapi()
    row, rows = document["paths"]["/authors/{id}"], document["paths"]["/authors"]
    for method in ("patch", "delete"):
        required = {each["name"]: each["required"] for each in row[method]["parameters"]}
        assert required == {"id": True, "if-match": True}
    either = {each["name"]: each["required"] for each in row["put"]["parameters"]}
    assert either == {"id": True, "if-match": False, "if-none-match": False}
    for operation in (row["patch"], row["put"], row["delete"], rows["patch"]):
        assert {"412", "428"} <= operation["responses"].keys()
    item = document["components"]["schemas"]["AuthorUpdateItem"]
    assert item["required"] == ["id", "changes", "if_match"]
    assert "delete" not in rows


async def test_problems_are_documented(app: FastAPI, alchemy: AdvancedAlchemy) -> None:
    """Each answer that is no success is a problem, under the statuses that may occur."""
    app.include_router(authors(alchemy))
    paths = app.openapi()["paths"]
    expected = {
        ("/authors", "get"): "404 422 503",
        ("/authors", "post"): "400 404 409 422 503",
        ("/authors", "patch"): "400 404 409 412 422 503",
        ("/authors/{id}", "get"): "404 422 503",
        ("/authors/{id}", "patch"): "400 404 409 412 422 503",
        ("/authors/{id}", "put"): "400 404 409 412 422 503",
        ("/authors/{id}", "delete"): "404 409 412 422 503",
    }
    for (path, method), statuses in expected.items():
        responses = paths[path][method]["responses"]
        failures = {status: each for status, each in responses.items() if status >= "4"}
        assert " ".join(sorted(failures)) == statuses, (path, method)
        for response in failures.values():
            assert response["content"].keys() == {"application/problem+json"}


async def test_links_lead_from_rows_that_show_their_key(
    app: FastAPI, alchemy: AdvancedAlchemy
) -> None:
    """A list leads to its first row by the name its key has; without the key nothing leads on."""
    app.include_router(
        CRUDRouter(alchemy.provide_service(CountryService), read=CountryRead, prefix="/countries")
    )
    app.include_router(
        CRUDRouter(
            alchemy.provide_service(CountryService),
            read=CountryRead,
            key=Country.name,
            prefix="/names",
        )
    )
    document = app.openapi()
    assert linked(document, "/countries", "get", "200") == {
        "get_country": {"path.code": "$response.body#/items/0/code"}
    }
    assert linked(document, "/names", "get", "200") == {
        "names_get_country": {"path.name": "$response.body#/items/0/name"}
    }
    app.include_router(
        CRUDRouter(
            alchemy.provide_service(AuthorService),
            read=Nameless,
            prefix="/less",
            sort=[Author.name],
        )
    )
    app.openapi_schema = None
    assert "links" not in app.openapi()["paths"]["/less"]["get"]["responses"]["200"]
