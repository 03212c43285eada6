"""Rows that are written together with the rows of their relations."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from holdfast import CRUDRouter
from holdfast.errors import ConfigurationError
from holdfast.testing import count_statements
from tests.crud.library_api import AuthorService, BookRead, Library
from tests.library import Author, Book


class BookItem(BaseModel):
    """A book of an author, old with its id or new without."""

    id: int | None = None
    title: str


class AuthorIn(BaseModel):
    """An author with books."""

    name: str
    books: list[BookItem] = Field(default=[], max_length=20)


class AuthorChanges(TypedDict, total=False):
    """What changes of an author, and of the books."""

    name: str
    books: Annotated[list[BookItem], Field(max_length=20)]


class AuthorOut(BaseModel):
    """An author with books, as it is answered."""

    id: int
    name: str
    books: list[BookRead]


def authors(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router that writes books with their authors."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        read=AuthorOut,
        create=AuthorIn,
        update=AuthorChanges,
        prefix="/authors",
        **{"nested": [Author.books], "bulk": 5, **options},
    )


async def test_children_are_created_changed_and_removed_with_their_row(library: Library) -> None:
    """A list that is sent is the whole list; the answer is what is committed, in few statements."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        with count_statements(library.engine) as statements:
            created = await http.post(
                "/authors", json={"name": "Ann", "books": [{"title": "One"}, {"title": "Two"}]}
            )
        assert created.status_code == 201
        assert [book["title"] for book in created.json()["books"]] == ["One", "Two"]
        # Each of the two classes is written and read once; SQLite inserts child by child.
        assert len(statements) == (5 if library.engine.dialect.name == "sqlite" else 4)
        one, _ = created.json()["books"]
        path = created.headers["location"]
        changed = await http.patch(
            path, json={"books": [{"id": one["id"], "title": "First"}, {"title": "Three"}]}
        )
        assert [book["title"] for book in changed.json()["books"]] == ["First", "Three"]
        assert changed.json()["books"][0]["id"] == one["id"]
        kept = await http.patch(path, json={"name": "Anna"})
        assert kept.json()["books"] == changed.json()["books"]
    titles = library.query("SELECT title FROM library_book ORDER BY id")
    assert titles == [("First",), ("Three",)]


async def test_a_child_of_another_row_is_not_taken(library: Library) -> None:
    """An item with a key that is none of this row's children is a 422 that says where it is."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        ann = (
            await http.post("/authors", json={"name": "Ann", "books": [{"title": "Hers"}]})
        ).json()
        bob = (await http.post("/authors", json={"name": "Bob"})).json()
        stolen = {"books": [{"id": ann["books"][0]["id"], "title": "Mine"}]}
        answer = await http.patch(f"/authors/{bob['id']}", json=stolen)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"][:3] == ["body", "books", 0]
    assert library.query("SELECT title FROM library_book") == [("Hers",)]


async def test_many_rows_are_written_with_their_children(library: Library) -> None:
    """A bulk request writes the relations of each item, and all of them or none."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy))
    async with library.client(app) as http:
        items = [{"name": name, "books": [{"title": f"By {name}"}]} for name in ("Ann", "Bob")]
        created = await http.post("/authors/bulk", json=items)
        assert created.status_code == 201
        assert [row["books"][0]["title"] for row in created.json()] == ["By Ann", "By Bob"]
        ids = [row["id"] for row in created.json()]
        changes = [
            {"id": ids[0], "changes": {"books": []}},
            {"id": ids[1], "changes": {"books": [{"id": 0, "title": "None's"}]}},
        ]
        failed = await http.patch("/authors", json=changes)
        assert failed.status_code == 422
        assert [error["index"] for error in failed.json()["errors"]] == [1]
    assert len(library.query("SELECT * FROM library_book")) == 2


async def test_a_relation_that_is_not_declared_is_not_written(sqlite_library: Library) -> None:
    """A field for a relation that `nested=` does not name is refused where the router is made."""
    _, alchemy = sqlite_library.app()
    with pytest.raises(ConfigurationError, match="nested"):
        authors(alchemy, nested=[])


async def test_fields_of_children_are_held_against_their_mapping(sqlite_library: Library) -> None:
    """A field of a child that is no attribute of it is refused where the router is made."""

    class WrongItem(BaseModel):
        titel: str

    class WrongAuthor(BaseModel):
        name: str
        books: list[WrongItem]

    _, alchemy = sqlite_library.app()
    with pytest.raises(ConfigurationError, match="titel"):
        CRUDRouter(
            alchemy.provide_service(AuthorService),
            read=AuthorOut,
            create=WrongAuthor,
            nested=[Author.books],
        )
    assert Book.title is not None
