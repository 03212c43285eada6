"""What is answered for rows: whatever the kind of schema, and what a client chooses of it."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from holdfast import CRUDRouter, Operation
from holdfast.errors import ConfigurationError
from holdfast.testing import count_statements
from tests.crud.library_api import AuthorService, BookRead, BookService, Library
from tests.library import Author, Book


class Person(BaseModel):
    """An author within a book."""

    id: int
    name: str


class BookWithAuthor(BaseModel):
    """A book with its author, and its tags where they are asked for."""

    id: int
    title: str
    author: Person
    tags: list["Word"] = []


class Word(BaseModel):
    """A tag."""

    word: str


class AuthorWithBooks(BaseModel):
    """An author with all books."""

    id: int
    name: str
    books: list[BookRead]


@dataclass
class AuthorData:
    """An author as a dataclass, with books."""

    id: int
    name: str
    books: list["BookData"]


@dataclass
class BookData:
    """A book as a dataclass."""

    title: str


class AuthorDict(TypedDict):
    """An author as a dictionary."""

    id: int
    name: str


def fill(library: Library) -> None:
    """Store three authors with three books each, and two tags on every book."""
    for author in (1, 2, 3):
        library.query(
            "INSERT INTO library_author (id, name, tenant_id, version) "
            f"VALUES ({author}, 'Author {author}', 1, 1)"
        )
    for tag in (1, 2):
        library.query(f"INSERT INTO library_tag (id, word) VALUES ({tag}, 'tag {tag}')")
    for book in range(1, 10):
        library.query(
            "INSERT INTO library_book (id, title, tenant_id, author_id) "
            f"VALUES ({book}, 'Book {book}', 1, {(book - 1) % 3 + 1})"
        )
        for tag in (1, 2):
            library.query(f"INSERT INTO library_book_tag (book_id, tag_id) VALUES ({book}, {tag})")


def books(alchemy: Any, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    """Make a router of books."""
    provider = alchemy.provide_service(BookService)
    return CRUDRouter(provider, read=BookWithAuthor, prefix="/books", **options)


async def test_relations_are_read_in_a_fixed_number_of_statements(library: Library) -> None:
    """A page of rows with a to-one and a to-many relation takes no statement for each row."""
    fill(library)
    app, alchemy = library.app()
    app.include_router(books(alchemy, totals=["none"]))
    async with library.client(app) as http:
        with count_statements(library.engine) as statements:
            page = await http.get("/books?limit=4")
        items = page.json()["items"]
        assert len(items) == 4
        assert [tag["word"] for tag in items[0]["tags"]] == ["tag 1", "tag 2"]
        assert len(statements) == 2  # books with their authors, and the tags of all
        assert "password_hash" not in "".join(statements)


async def test_a_client_includes_a_relation(library: Library) -> None:
    """Without `include` the field is absent and nothing is read for it; with it, it is there."""
    fill(library)
    app, alchemy = library.app()
    app.include_router(books(alchemy, include=[Book.tags], totals=["none"]))
    async with library.client(app) as http:
        with count_statements(library.engine) as statements:
            page = await http.get("/books?limit=4")
        assert [*page.json()["items"][0]] == ["id", "title", "author"]
        assert len(statements) == 1
        page = await http.get("/books?limit=4&include=tags")
        assert len(page.json()["items"][0]["tags"]) == 2
        one = await http.get("/books/1?include=tags")
        assert len(one.json()["tags"]) == 2
        assert (await http.get("/books/1?include=author")).status_code == 422


async def test_a_client_chooses_fields(library: Library) -> None:
    """What is not chosen is absent from the answer, and is not read."""
    fill(library)
    app, alchemy = library.app()
    app.include_router(books(alchemy, sparse=True, totals=["none"]))
    async with library.client(app) as http:
        with count_statements(library.engine) as statements:
            page = await http.get("/books?limit=2&fields=title")
        assert page.json()["items"] == [{"title": "Book 1"}, {"title": "Book 2"}]
        assert len(statements) == 1
        assert "author" not in statements[0].replace("author_id", "")
        one = await http.get("/books/1?fields=id,author")
        assert one.json() == {"id": 1, "author": {"id": 1, "name": "Author 1"}}
        refused = await http.get("/books/1?fields=author_id")
        assert refused.status_code == 422


@pytest.mark.parametrize("read", [AuthorData, AuthorDict], ids=lambda cls: cls.__name__)
async def test_dataclasses_and_typed_dicts_are_answered(
    sqlite_library: Library, read: type[Any]
) -> None:
    """A read schema need be no Pydantic model."""
    fill(sqlite_library)
    app, alchemy = sqlite_library.app()
    app.include_router(
        CRUDRouter(alchemy.provide_service(AuthorService), read=read, prefix="/authors")
    )
    async with sqlite_library.client(app) as http:
        one = (await http.get("/authors/1")).json()
        assert (one["id"], one["name"]) == (1, "Author 1")
        if read is AuthorData:
            assert [book["title"] for book in one["books"]] == ["Book 1", "Book 4", "Book 7"]
        page = (await http.get("/authors")).json()
        assert [row["id"] for row in page["items"]] == [1, 2, 3]


async def test_not_modified_is_said_of_a_row_that_is_read_alone(sqlite_library: Library) -> None:
    """Where relations are answered too, the version of the row says nothing about them."""
    fill(sqlite_library)
    app, alchemy = sqlite_library.app()
    provider = alchemy.provide_service(AuthorService)
    app.include_router(CRUDRouter(provider, read=AuthorDict, prefix="/plain"))
    app.include_router(
        CRUDRouter(provider, read=AuthorWithBooks, prefix="/whole", singular="whole_author")
    )
    async with sqlite_library.client(app) as http:
        tag = (await http.get("/plain/1")).headers["etag"]
        assert (await http.get("/plain/1", headers={"If-None-Match": tag})).status_code == 304
        assert (await http.get("/whole/1")).headers["etag"] == tag
        sqlite_library.query("UPDATE library_book SET title = 'Other' WHERE author_id = 1")
        again = await http.get("/whole/1", headers={"If-None-Match": tag})
        assert again.status_code == 200
        assert again.json()["books"][0]["title"] == "Other"


async def test_a_hidden_sort_key_is_no_part_of_a_cursor(sqlite_library: Library) -> None:
    """A key that the read schema does not show is refused where the router is made."""
    _, alchemy = sqlite_library.app()
    with pytest.raises(ConfigurationError, match="rating"):
        CRUDRouter(
            alchemy.provide_service(AuthorService),
            read=AuthorDict,
            sort=[Author.rating],
            pagination="cursor",
        )


async def test_cursors_lead_through_an_order_by_a_relation(library: Library) -> None:
    """A key of the one row that a relation leads to can be sorted by, where it is shown."""
    fill(library)
    app, alchemy = library.app()
    keys = [(Book.author, Author.name), Book.title]
    app.include_router(books(alchemy, sort=keys, pagination="cursor"))
    async with library.client(app) as http:
        seen: list[int] = []
        url = "/books?sort=-author.name,title&limit=4"
        while url:
            page = await http.get(url)
            seen += [row["id"] for row in page.json()["items"]]
            url = page.links.get("next", {}).get("url", "")
    assert seen == [3, 6, 9, 2, 5, 8, 1, 4, 7]


class BookTitle(BaseModel):
    """A book in a list, without its tags."""

    id: int
    title: str


async def test_a_list_may_have_a_schema_of_its_own(sqlite_library: Library) -> None:
    """Its fields and relations are what can be chosen of the list; the others stay with the row."""
    fill(sqlite_library)
    app, alchemy = sqlite_library.app()
    options = {"sparse": True, "include": [Book.tags]}
    own = {"list": Operation(read=BookTitle)}
    app.include_router(books(alchemy, operations=own, **options))
    async with sqlite_library.client(app) as http:
        page = await http.get("/books?limit=1&fields=title")
        assert page.json()["items"] == [{"title": "Book 1"}]
        assert (await http.get("/books?include=tags")).status_code == 422
        assert (await http.get("/books?fields=author")).status_code == 422
        one = await http.get("/books/1?fields=author&include=tags")
        assert [*one.json()] == ["author", "tags"]
