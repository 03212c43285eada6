"""A router's own routes win over generated ones, and one operation changes without the others."""

from typing import Annotated, Any

import pytest
from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, WebSocket
from pydantic import BaseModel
from starlette.testclient import TestClient

from holdfast import CRUDRouter, Operation, Rows
from tests.crud.library_api import AuthorCreate, AuthorRead, AuthorService, AuthorUpdate, Library


class AuthorSummary(BaseModel):
    """Less of an author."""

    id: int


def authors(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router that offers everything for one row."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        **{
            "read": AuthorRead,
            "create": AuthorCreate,
            "update": AuthorUpdate,
            "put": AuthorCreate,
            "prefix": "/authors",
            "tags": ["authors"],
            **options,
        },
    )


def operations(app: FastAPI) -> dict[str, list[str]]:
    """Return the ids of the operations of each path in the document."""
    paths = app.openapi()["paths"]
    return {
        path: [item["operationId"] for item in operations.values()]
        for path, operations in paths.items()
    }


GENERATED = {
    "/authors": ["list_authors", "create_author"],
    "/authors/{id}": ["get_author", "update_author", "put_author", "delete_author"],
}


async def test_a_path_beside_the_key_is_found(sqlite_library: Library) -> None:
    """`/search` is the user's, and not the row with that key; the rest is as it was."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)

    @router.get("/search", operation_id="search_authors")
    async def search(rows: Annotated[Rows[Any], Depends(router.resource.rows)]) -> dict[str, str]:
        return {"found": rows.resource.model.__name__}

    app.include_router(router)
    async with sqlite_library.client(app) as http:
        assert (await http.get("/authors/search")).json() == {"found": "Author"}
        assert (await http.get("/authors/1")).status_code == 404
    assert operations(app) == {"/authors/search": ["search_authors"], **GENERATED}


async def test_the_first_of_own_routes_wins(sqlite_library: Library) -> None:
    """Among themselves they match in the order in which they are declared, as on any router."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)
    router.add_api_route("/a/{b}", lambda b: {"by": "name"})
    router.add_api_route("/a/c", lambda: {"by": "path"})
    router.add_api_route("/{name}/c", lambda name: {"by": "other"})
    app.include_router(router)
    async with sqlite_library.client(app) as http:
        assert (await http.get("/authors/a/c")).json() == {"by": "name"}
        assert (await http.get("/authors/d/c")).json() == {"by": "other"}


@pytest.mark.parametrize("path", ["/{id}", "/{name}", "/{id:int}"])
async def test_the_same_path_and_method_takes_the_place(sqlite_library: Library, path: str) -> None:
    """The generated operation is gone from the document as well; its neighbours stay."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)
    router.add_api_route(path, lambda: {"own": "yes"}, operation_id="own")
    app.include_router(router)
    async with sqlite_library.client(app) as http:
        assert (await http.get("/authors/1")).json() == {"own": "yes"}
        assert (await http.delete("/authors/1")).status_code == 404
    found = [name for names in operations(app).values() for name in names]
    assert sorted(found) == sorted(
        ["own", *(name for names in GENERATED.values() for name in names if name != "get_author")]
    )


async def test_links_to_a_replaced_operation_are_gone(sqlite_library: Library) -> None:
    """A document leads nowhere that it does not have."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)
    router.add_api_route("/{id}", lambda: None, methods=["GET"])
    app.include_router(router)
    app.include_router(authors(alchemy), prefix="/v2")
    created = app.openapi()["paths"]["/authors"]["post"]["responses"]["201"]
    assert list(created["links"]) == ["update_author", "put_author", "delete_author"]


async def test_one_route_may_take_several_places(sqlite_library: Library) -> None:
    """A route of several methods replaces each; one of some other path like it replaces none."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)
    router.add_api_route("/{id}.txt", lambda: {"own": "text"}, methods=["GET", "DELETE"])
    router.add_api_route("/{id}", lambda: {"own": "yes"}, methods=["GET", "PATCH"])
    app.include_router(router)
    async with sqlite_library.client(app) as http:
        assert (await http.patch("/authors/1")).json() == {"own": "yes"}
        assert (await http.get("/authors/1.txt")).json() == {"own": "text"}
        assert (await http.delete("/authors/1")).status_code == 404


async def test_an_included_router_wins_as_well(sqlite_library: Library) -> None:
    """Its routes are the user's own, in what is answered and in the document."""
    app, alchemy = sqlite_library.app()
    router, own = authors(alchemy), APIRouter()
    own.add_api_route("/mine", lambda: {"own": "mine"})
    own.add_api_route("/{id}", lambda: {"own": "yes"})
    router.include_router(own)
    router.include_router(own, prefix="/below")
    app.include_router(router)
    async with sqlite_library.client(app) as http:
        assert (await http.get("/authors/1")).json() == {"own": "yes"}
        assert (await http.get("/authors/below/mine")).json() == {"own": "mine"}
        assert (await http.delete("/authors/1")).status_code == 404
    assert operations(app)["/authors/{id}"][1:] == GENERATED["/authors/{id}"][1:]
    assert app.openapi()["paths"]["/authors/{id}"]["get"]["summary"] == "<Lambda>"


async def test_a_route_added_after_the_router_was_included_wins(sqlite_library: Library) -> None:
    """On a FastAPI that lets routers grow, it is as if it had been there before."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)
    app.include_router(router)
    if not hasattr(app.routes[-1], "original_router"):
        pytest.skip("this FastAPI copies the routes of routers")
    assert (operations(app))["/authors/{id}"][0] == "get_author"
    router.add_api_route("/search", lambda: {"own": "search"})
    router.add_api_route("/{id}", lambda: {"own": "yes"}, methods=["GET"])
    async with sqlite_library.client(app) as http:
        assert (await http.get("/authors/search")).json() == {"own": "search"}
        assert (await http.get("/authors/1")).json() == {"own": "yes"}


async def test_a_websocket_takes_no_place(sqlite_library: Library) -> None:
    """It has the path of a row and none of its methods."""
    app, alchemy = sqlite_library.app()
    router = authors(alchemy)

    @router.websocket("/{name}")
    async def talk(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        await websocket.send_text(name)
        await websocket.close()

    app.include_router(router)
    assert operations(app) == GENERATED

    def said() -> str:
        with TestClient(app).websocket_connect("/authors/1") as websocket:
            return websocket.receive_text()

    assert await to_thread.run_sync(said) == "1"


async def test_an_operation_is_left_out(sqlite_library: Library) -> None:
    """It is a 405 where others are about the same path, and no link leads there."""
    app, alchemy = sqlite_library.app()
    app.include_router(authors(alchemy, operations={"delete": None, "list": None}))
    async with sqlite_library.client(app) as http:
        assert (await http.delete("/authors/1")).status_code == 405
        assert (await http.get("/authors")).status_code == 405
        created = await http.post("/authors", json={"name": "Ann"})
        assert (await http.get(created.headers["location"])).json()["name"] == "Ann"
    assert operations(app) == {
        "/authors": ["create_author"],
        "/authors/{id}": ["get_author", "update_author", "put_author"],
    }
    responses = app.openapi()["paths"]["/authors"]["post"]["responses"]
    assert list(responses["201"]["links"]) == ["get_author", "update_author", "put_author"]


async def test_an_operation_has_its_own(sqlite_library: Library) -> None:
    """Schema, status, dependencies and what the document says change for one operation alone."""

    async def editor(x_user: Annotated[str, Header()] = "") -> None:
        if x_user != "editor":
            raise HTTPException(403, "Editors only.")

    app, alchemy = sqlite_library.app()
    own = Operation(
        read=AuthorSummary,
        status_code=202,
        dependencies=[Depends(editor)],
        tags=["editors"],
        summary="Take an author",
        description="Later.",
        responses={403: {"description": "Editors only."}, 202: {"description": "Taken."}},
        operation_id="take_author",
        deprecated=True,
    )
    app.include_router(authors(alchemy, operations={"create": own}))
    async with sqlite_library.client(app) as http:
        assert (await http.post("/authors", json={"name": "Ann"})).status_code == 403
        taken = await http.post("/authors", json={"name": "Ann"}, headers={"x-user": "editor"})
        assert taken.status_code == 202
        assert list(taken.json()) == ["id"]
        put = await http.put("/authors/5", json={"name": "Bob"})
        assert (put.status_code, list(put.json())) == (201, ["id", "name", "email", "rating"])
    document = app.openapi()["paths"]["/authors"]["post"]
    assert document["tags"] == ["authors", "editors"]
    assert (document["summary"], document["description"]) == ("Take an author", "Later.")
    assert (document["operationId"], document["deprecated"]) == ("take_author", True)
    assert {"202", "403", "409", "422"} <= document["responses"].keys()
    assert "201" not in document["responses"]
    answer = document["responses"]["202"]
    assert answer["description"] == "Taken."
    assert answer["headers"].keys() == {"Location", "ETag"}
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/AuthorSummary")


async def test_an_operation_is_hidden(sqlite_library: Library) -> None:
    """It works, and the document does not tell of it."""
    app, alchemy = sqlite_library.app()
    app.include_router(authors(alchemy, operations={"put": Operation(include_in_schema=False)}))
    async with sqlite_library.client(app) as http:
        assert (await http.put("/authors/5", json={"name": "Bob"})).status_code == 201
    assert "put" not in app.openapi()["paths"]["/authors/{id}"]
