"""Generated routes are made of public pieces: written by hand with them, they are the same."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from holdfast import AdvancedAlchemy, CRUDRouter
from tests.clients.library_schemas import DraftCreate, DraftRead, DraftUpdate
from tests.crud.by_hand import (
    AUTHORS,
    SHELVES,
    ShelfPut,
    ShelfRead,
    ShelfService,
    authors_by_hand,
    shelves_by_hand,
    tenant,
)
from tests.crud.library_api import AuthorService, Library


def authors(alchemy: AdvancedAlchemy) -> APIRouter:
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        read=DraftRead,
        create=DraftCreate,
        update=DraftUpdate,
        prefix="/authors",
        tags=["authors"],
        principal=tenant,
        **AUTHORS,
    )


def shelves(alchemy: AdvancedAlchemy) -> APIRouter:
    return CRUDRouter(
        alchemy.provide_service(ShelfService),
        read=ShelfRead,
        put=ShelfPut,
        prefix="/shelves",
        dry_run=True,
        **SHELVES,
    )


def served(library: Library, *makers: Any) -> FastAPI:
    app, alchemy = library.app()
    for make in makers:
        app.include_router(make(alchemy))
    return app


async def test_the_documents_are_equal(sqlite_library: Library) -> None:
    """Every operation: parameters, bodies, answers, headers, links, problems, ids and texts."""
    generated = served(sqlite_library, authors, shelves).openapi()
    by_hand = served(sqlite_library, authors_by_hand, shelves_by_hand).openapi()
    assert by_hand["paths"].keys() == generated["paths"].keys()
    for path, operations in generated["paths"].items():
        for method, operation in operations.items():
            assert by_hand["paths"][path][method] == operation, (method, path)
    assert by_hand == generated


@pytest.mark.parametrize("make", [authors, authors_by_hand])
async def test_what_is_answered_is_equal(library: Library, make: Any) -> None:
    """Statuses, headers and bodies are the same as well."""
    app = served(library, make)
    async with library.client(app) as http:
        created = await http.post("/authors", json={"name": "Ann"})
        path, etag = created.headers["location"], created.headers["etag"]
        assert (created.status_code, path, etag) == (
            201,
            f"/authors/{created.json()['id']}",
            '"1"',
        )
        assert (await http.get(path, headers={"if-none-match": etag})).status_code == 304
        assert (await http.patch(path, json={"rating": 3})).status_code == 428
        sent = {"if-match": etag}
        changed = await http.patch(path, json={"rating": 3}, headers=sent)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        assert (await http.patch(path, json={"rating": 4}, headers=sent)).status_code == 412
        page = await http.get("/authors?limit=1&rating__ge=3")
        assert page.json()["items"] == [changed.json()]
        assert "first" in page.links
        assert (await http.get("/authors?limit=1&raiting=3")).status_code == 422
        many = await http.post("/authors/bulk", json=[{"name": "Bob"}, {"name": "Cid"}])
        assert [row["name"] for row in many.json()] == ["Bob", "Cid"]
        changes = [
            {"id": row["id"], "changes": {"rating": 1}, "if_match": "*"} for row in many.json()
        ]
        both = await http.patch("/authors", json=changes)
        assert [row["rating"] for row in both.json()] == [1, 1]
        elsewhere = {"x-tenant": "2", "if-match": "*"}
        assert (await http.delete(path, headers=elsewhere)).status_code == 404
        deleted = await http.delete(path, headers={"if-match": "*"})
        assert (deleted.status_code, deleted.content) == (204, b"")
