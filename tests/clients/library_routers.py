"""The routers of the service: each offers what the others do not."""

from typing import Annotated, Any

from fastapi import Header

from holdfast import PUBLIC, AdvancedAlchemy, CRUDRouter, Scope
from holdfast.query.operators import Operator
from tests.clients import library_schemas as schemas
from tests.crud.library_api import AuthorService, BookService, CountryRead, CountryService
from tests.library import Author, Book, Country, Tag

__all__ = ("routers",)

AnyRouter = CRUDRouter[Any, Any, Any, Any, Any]

ORDER: list[Operator] = ["eq", "ne", "lt", "le", "gt", "ge", "between", "in", "not_in", "is_null"]
TEXT: list[Operator] = [
    "contains",
    "starts_with",
    "ends_with",
    "ieq",
    "icontains",
    "istarts_with",
    "iends_with",
]


async def tenant(x_tenant: Annotated[int, Header(ge=1, le=9)] = 1) -> int:
    """Return whose rows a request is about."""
    return x_tenant


def routers(alchemy: AdvancedAlchemy) -> list[AnyRouter]:
    """Make all of them."""
    return [authors(alchemy), books(alchemy), countries(alchemy), tags(alchemy), drafts(alchemy)]


def authors(alchemy: AdvancedAlchemy) -> AnyRouter:
    """Make a router by offset, with all that can be asked of a list or sent to it."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        read=schemas.AuthorRead,
        create=schemas.AuthorCreate,
        update=schemas.AuthorUpdate,
        put=schemas.AuthorCreate,
        prefix="/authors",
        tags=["authors"],
        filters={
            Author.name: [*ORDER, *TEXT],
            Author.rating: ORDER,
            Author.born: ORDER,
            Author.version: ["eq"],
            (Author.country, Country.name): ["eq", "icontains"],
            (Author.books, Book.title): ["eq", "contains"],
            (Author.books, Book.price): ["ge", "between"],
        },
        search=[Author.name, Author.email],
        sort=[Author.name, Author.rating, (Author.country, Country.name)],
        default_sort="-rating,name",
        sparse=True,
        include=[Author.country, Author.books],
        max_page_size=50,
        soft_delete=Author.deleted_at,
        bulk=5,
        principal=PUBLIC,
        dry_run=True,
    )


def books(alchemy: AdvancedAlchemy) -> AnyRouter:
    """Make a router by cursor, whose rows show others."""
    return CRUDRouter(
        alchemy.provide_service(BookService),
        read=schemas.BookRead,
        create=schemas.BookCreate,
        update=schemas.BookUpdate,
        prefix="/books",
        tags=["books"],
        filters={
            Book.genre: ["eq", "ne", "in", "not_in", "is_null"],
            Book.price: ORDER,
            Book.published: ORDER,
            (Book.author, Author.name): ["eq", "icontains"],
            (Book.tags, Tag.word): ["eq", "in"],
        },
        search=[Book.title, (Book.author, Author.name)],
        sort=[Book.title, Book.price, Book.published],
        pagination="cursor",
        bulk=5,
    )


def countries(alchemy: AdvancedAlchemy) -> AnyRouter:
    """Make a router whose rows are known by a text."""
    return CRUDRouter(
        alchemy.provide_service(CountryService),
        read=CountryRead,
        create=schemas.CountryCreate,
        update=schemas.CountryUpdate,
        put=schemas.CountryPut,
        prefix="/countries",
        tags=["countries"],
        filters={Country.code: ["eq", "in"]},
        sort=[Country.name],
        bulk=5,
    )


def tags(alchemy: AdvancedAlchemy) -> AnyRouter:
    """Make a router whose rows are known by a natural key."""
    return CRUDRouter(
        alchemy.provide_service(schemas.TagService),
        read=schemas.TagRead,
        create=schemas.TagCreate,
        put=schemas.TagPut,
        prefix="/tags",
        tags=["tags"],
        key=Tag.word,
        sort=[Tag.word],
        pagination="cursor",
        totals=["none"],
    )


def drafts(alchemy: AdvancedAlchemy) -> AnyRouter:
    """Make a router of a tenant's rows, which are changed with an ETag alone."""
    return CRUDRouter(
        alchemy.provide_service(AuthorService),
        read=schemas.DraftRead,
        create=schemas.DraftCreate,
        update=schemas.DraftUpdate,
        prefix="/drafts",
        tags=["drafts"],
        singular="draft",
        filters={Author.name: ["icontains"]},
        sort=[Author.name],
        pagination="cursor",
        scope=Scope(tenant, Author.tenant_id),
        require_if_match=True,
        bulk=5,
    )
