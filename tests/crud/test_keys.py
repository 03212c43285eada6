"""The part of a path that says which row is meant."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Enum, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import (
    AdvancedAlchemy,
    CRUDRouter,
    Scope,
    SQLAlchemyAsyncConfig,
    repository,
    service,
)
from holdfast.errors import ConfigurationError
from holdfast.testing import client
from tests.library import Genre


class Base(DeclarativeBase):
    """Tables with keys of every kind."""


class Page(Base):
    """Known by its path within a site; numbered by the database."""

    __tablename__ = "keys_page"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50))
    site_id: Mapped[int] = mapped_column(default=1)
    title: Mapped[str] = mapped_column(String(50))

    __table_args__ = (UniqueConstraint("site_id", "slug"),)


class Seat(Base):
    """Known by row and number."""

    __tablename__ = "keys_seat"

    line: Mapped[str] = mapped_column(String(2), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    taken_by: Mapped[str | None] = mapped_column(String(50))


class Shelf(Base):
    """Known by what stands on it."""

    __tablename__ = "keys_shelf"

    genre: Mapped[Genre] = mapped_column(Enum(Genre), primary_key=True)
    height: Mapped[int]


class Token(Base):
    """Known by a UUID."""

    __tablename__ = "keys_token"

    id: Mapped[UUID] = mapped_column(primary_key=True)


class Blob(Base):
    """Known by bytes, which no URL can hold."""

    __tablename__ = "keys_blob"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)


class PageBody(BaseModel):
    title: str


class PageRead(BaseModel):
    slug: str
    title: str


class SeatRead(BaseModel):
    line: str
    number: int
    taken_by: str | None


class SeatBody(BaseModel):
    taken_by: str | None = None


class ShelfRead(BaseModel):
    genre: Genre
    height: int


class ShelfBody(BaseModel):
    height: int


class TokenRead(BaseModel):
    id: UUID


class BlobRead(BaseModel):
    digest: bytes


def service_of(model: type[Any]) -> type[Any]:
    """Make a service of a model."""
    repository_type = type(
        "Repository", (repository.SQLAlchemyAsyncRepository,), {"model_type": model}
    )
    return type(
        f"{model.__name__}Service",
        (service.SQLAlchemyAsyncRepositoryService,),
        {"repository_type": repository_type},
    )


def make() -> tuple[FastAPI, AdvancedAlchemy]:
    """Make an application on a database in memory."""
    app = FastAPI()
    config = SQLAlchemyAsyncConfig(
        connection_string="sqlite+aiosqlite:///:memory:", metadata=Base.metadata, create_all=True
    )
    return app, AdvancedAlchemy(config, app)


def site() -> int:
    return 7


async def test_a_row_is_known_by_its_natural_key() -> None:
    """With `key=` the path has a unique attribute, also one that is unique within the scope."""
    app, alchemy = make()
    app.include_router(
        CRUDRouter(
            alchemy.provide_service(service_of(Page)),
            read=PageRead,
            update=PageBody,
            put=PageBody,
            prefix="/pages",
            key=Page.slug,
            scope=Scope(site, Page.site_id),
        )
    )
    async with client(app) as http:
        created = await http.put("/pages/a%20b", json={"title": "A"})
        assert (created.status_code, created.headers["location"]) == (201, "/pages/a%20b")
        assert (await http.put("/pages/a b", json={"title": "B"})).status_code == 200
        assert (await http.get("/pages/a b")).json() == {"slug": "a b", "title": "B"}
        assert (await http.patch("/pages/a b", json={"title": "C"})).json()["title"] == "C"
        assert (await http.delete("/pages/a b")).status_code == 204
        assert (await http.get("/pages/a b")).status_code == 404


async def test_a_key_of_several_parts() -> None:
    """Each part has its place in the path, with the type of its column."""
    app, alchemy = make()
    router = CRUDRouter(
        alchemy.provide_service(service_of(Seat)), read=SeatRead, put=SeatBody, prefix="/seats"
    )
    app.include_router(router)
    assert "/seats/{line}/{number}" in app.openapi()["paths"]
    async with client(app) as http:
        created = await http.put("/seats/A/7", json={"taken_by": "Ann"})
        assert (created.status_code, created.headers["location"]) == (201, "/seats/A/7")
        assert (await http.get("/seats/A/7")).json()["taken_by"] == "Ann"
        assert (await http.get("/seats/A/8")).status_code == 404
        assert (await http.get("/seats/A/seven")).status_code == 422


@pytest.mark.parametrize(
    ("model", "read", "there", "absent", "wrong"),
    [
        (Shelf, ShelfRead, "fiction", "science", "poetry"),
        (Token, TokenRead, str(UUID(int=1)), str(UUID(int=2)), "1"),
    ],
)
async def test_keys_have_the_type_of_their_column(
    model: Any, read: Any, there: str, absent: str, wrong: str
) -> None:
    """What the column cannot hold is a 422, and what no row has a 404."""
    app, alchemy = make()
    app.include_router(
        CRUDRouter(alchemy.provide_service(service_of(model)), read=read, prefix="/rows")
    )
    async with client(app) as http:
        async with alchemy.transaction() as session:
            row = Shelf(genre=Genre.FICTION, height=1) if model is Shelf else Token(id=UUID(int=1))
            session.add(row)
        answers = [await http.get(f"/rows/{key}") for key in (there, absent, wrong)]
        assert [answer.status_code for answer in answers] == [200, 404, 422]


@pytest.mark.parametrize(
    ("model", "read", "options", "reason"),
    [
        (Page, PageRead, {"key": Page.title}, "not unique"),
        (Page, PageRead, {"key": Page.slug}, "not unique"),
        (Seat, SeatRead, {"key": Seat.taken_by}, "can be NULL"),
        (Blob, BlobRead, {}, "no URL can hold"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused(
    model: Any, read: Any, options: dict[str, Any], reason: str
) -> None:
    """It is found where the router is made, with what to write instead."""
    _, alchemy = make()
    with pytest.raises(ConfigurationError, match=reason):
        CRUDRouter(alchemy.provide_service(service_of(model)), read=read, **options)
