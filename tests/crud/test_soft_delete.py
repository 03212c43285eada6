"""Rows that are marked as deleted: hidden wherever they could be met, and brought back."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast import AdvancedAlchemy, CRUDRouter, repository, service
from holdfast.errors import ConfigurationError
from holdfast.query.scope import SOFT_DELETE
from tests.crud.library_api import Library, opened_library
from tests.library import ENGINES


class Guild(DeclarativeBase):
    """Tables of these tests alone: the mark stays with the column."""


class Member(Guild):
    """Whose rows are only marked as deleted."""

    __tablename__ = "guild_member"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("guild_member.id"))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(nullable=False)

    mentor: Mapped["Member | None"] = relationship(remote_side="Member.id")
    works: Mapped[list["Piece"]] = relationship(back_populates="member")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it


class Piece(Guild):
    """What a member has made; really deleted."""

    __tablename__ = "guild_piece"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))
    member_id: Mapped[int] = mapped_column(ForeignKey("guild_member.id"))

    member: Mapped[Member] = relationship(back_populates="works")


class MemberService(service.SQLAlchemyAsyncRepositoryService[Member]):
    """Members."""

    class Repository(repository.SQLAlchemyAsyncRepository[Member]):
        model_type = Member

    repository_type = Repository


class PieceService(service.SQLAlchemyAsyncRepositoryService[Piece]):
    """Pieces."""

    class Repository(repository.SQLAlchemyAsyncRepository[Piece]):
        model_type = Piece

    repository_type = Repository


class MemberShort(BaseModel):
    """A member as others show it."""

    id: int
    name: str


class MemberRead(MemberShort):
    """A member as it is answered."""

    mentor: MemberShort | None


class MemberWrite(BaseModel):
    """A member as it is sent."""

    name: str
    slug: str
    mentor_id: int | None = None


class MemberUpdate(BaseModel):
    """What of a member changes."""

    name: str = ""
    slug: str = ""
    mentor_id: int | None = None


class PieceRead(BaseModel):
    """A piece as it is answered."""

    id: int
    member: MemberShort | None


class PieceWrite(BaseModel):
    """A piece as it is sent."""

    title: str = "t"
    member_id: int = 0


@pytest.fixture(autouse=True)
async def unmarked() -> AsyncGenerator[None]:
    """Begin without the mark, which a router leaves on the column."""
    info: dict[Any, Any] = Member.__table__.c["deleted_at"].info
    info.pop(SOFT_DELETE, None)
    yield
    info.pop(SOFT_DELETE, None)


def members(alchemy: AdvancedAlchemy, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    offered: dict[str, Any] = {
        "read": MemberRead,
        "create": MemberWrite,
        "update": MemberUpdate,
        "put": MemberWrite,
        "prefix": "/members",
        "filters": {Member.name: ["eq"], (Member.mentor, Member.name): ["eq", "is_null"]},
        "search": [(Member.mentor, Member.name), Member.name],
        "sort": [Member.name],
        "bulk": 5,
        "soft_delete": Member.deleted_at,
    }
    return CRUDRouter(alchemy.provide_service(MemberService), **{**offered, **options})


def pieces(alchemy: AdvancedAlchemy, **options: Any) -> CRUDRouter[Any, Any, Any, Any, Any]:
    offered: dict[str, Any] = {
        "read": PieceRead,
        "create": PieceWrite,
        "update": PieceWrite,
        "prefix": "/pieces",
        "filters": {(Piece.member, Member.name): ["eq", "is_null"]},
        "search": [(Piece.member, Member.name)],
        "sort": [(Piece.member, Member.name)],
        "bulk": 5,
    }
    return CRUDRouter(alchemy.provide_service(PieceService), **{**offered, **options})


@pytest.fixture(params=ENGINES, scope="module")
async def opened(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tables, for every engine."""
    async with opened_library(request.param, request, Guild.metadata) as library:
        if request.param == "postgresql":
            # Else it would give the keys that these tests give themselves.
            library.query("ALTER SEQUENCE guild_member_id_seq RESTART 1000")
        yield library


@pytest.fixture(params=["members first", "pieces first"])
async def http(
    request: pytest.FixtureRequest, opened: Library
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give a client of both routers, whichever was built first, with three members.

    Member 1 is deleted; it is the mentor of 2, and piece 1 is its. Piece 2 is of member 2.
    """
    opened.query("DELETE FROM guild_piece")
    opened.query("UPDATE guild_member SET mentor_id = NULL")
    opened.query("DELETE FROM guild_member")
    opened.query(
        "INSERT INTO guild_member (id, name, slug, mentor_id, version) VALUES"
        " (1, 'Gone', 'gone', NULL, 1), (2, 'Ann', 'ann', NULL, 1), (3, 'Bob', 'bob', 2, 1)"
    )
    opened.query("UPDATE guild_member SET mentor_id = 1 WHERE id = 2")
    opened.query("INSERT INTO guild_piece (id, title, member_id) VALUES (1, 'a', 1), (2, 'b', 2)")
    app, alchemy = opened.app()
    made = [members, pieces] if request.param == "members first" else [pieces, members]
    for make in made:
        app.include_router(make(alchemy))
    async with opened.client(app) as client:
        assert (await client.delete("/members/1")).status_code == 204
        yield client


async def ids(http: httpx2.AsyncClient, path: str) -> list[int]:
    """Return the keys of a list's rows, which are as many as it counts."""
    page = (await http.get(path)).json()
    assert page["total"] == len(page["items"])
    return [row["id"] for row in page["items"]]


async def test_a_deleted_row_is_hidden_from_every_read(http: httpx2.AsyncClient) -> None:
    """From lists, counts, filters, searches, single reads and what other rows show of it."""
    assert await ids(http, "/members?sort=name") == [2, 3]
    assert (await http.get("/members/1")).status_code == 404
    assert await ids(http, "/members?name=Gone") == []
    assert await ids(http, "/members?q=gone") == []
    assert await ids(http, "/members?mentor.name=Gone") == []
    assert await ids(http, "/members?mentor.name__is_null=true") == [2]
    assert (await http.get("/members/2")).json()["mentor"] is None
    assert (await http.get("/pieces/1")).json() == {"id": 1, "member": None}
    assert await ids(http, "/pieces?member.name=Gone") == []
    assert await ids(http, "/pieces?q=gone") == []
    assert await ids(http, "/pieces?member.name__is_null=true") == [1]
    # Sorted like one that has no member.
    assert await ids(http, "/pieces?sort=member.name") == [2, 1]
    assert await ids(http, "/pieces?sort=-member.name") == [2, 1]


async def test_a_deleted_row_cannot_be_written(http: httpx2.AsyncClient, opened: Library) -> None:
    """Nor deleted again, nor named as a foreign key, alone or among many: it is not there."""
    for key in (1, 99):
        assert (await http.delete(f"/members/{key}")).status_code == 404
        assert (await http.patch(f"/members/{key}", json={"name": "N"})).status_code == 404
        assert (await http.delete(f"/members?id={key}")).status_code == 404
        many = [{"id": 2, "changes": {"name": "X"}}, {"id": key, "changes": {"name": "X"}}]
        assert (await http.patch("/members", json=many)).status_code == 404
    told = []
    for key in (1, 99):
        answers = [
            await http.patch("/members/3", json={"mentor_id": key}),
            await http.post("/pieces", json={"member_id": key}),
            await http.patch("/pieces/2", json={"member_id": key}),
            await http.post("/pieces/bulk", json=[{"member_id": key}]),
            await http.patch("/pieces", json=[{"id": 2, "changes": {"member_id": key}}]),
        ]
        assert [answer.status_code for answer in answers] == [409] * 5
        told.append([answer.json() for answer in answers])
    assert told[0] == told[1]
    assert opened.query("SELECT name, version FROM guild_member WHERE id = 1") == [("Gone", 2)]
    assert opened.query("SELECT COUNT(*) FROM guild_piece") == [(2,)]


async def test_a_row_that_refers_to_a_deleted_one_can_be_changed(http: httpx2.AsyncClient) -> None:
    """What keeps its foreign key is not asked for it."""
    changed = await http.patch("/members/2", json={"name": "Eve"})
    assert (changed.status_code, changed.json()["mentor"]) == (200, None)
    assert (await http.patch("/pieces/1", json={"title": "x"})).status_code == 200


async def test_a_deleted_row_is_restored(http: httpx2.AsyncClient) -> None:
    """It is as it was, with a new version; restoring one that is there changes nothing."""
    restored = await http.post("/members/1/restore")
    assert (restored.status_code, restored.json()["name"]) == (200, "Gone")
    assert restored.headers["etag"] == '"3"'
    assert (await http.get("/members/2")).json()["mentor"] == {"id": 1, "name": "Gone"}
    assert (await http.get("/pieces/1")).json()["member"] == {"id": 1, "name": "Gone"}
    again = await http.post("/members/1/restore")
    assert (again.status_code, again.headers["etag"]) == (200, '"3"')
    assert (await http.post("/members/99/restore")).status_code == 404


async def test_put_on_a_deleted_row_names_restoring(http: httpx2.AsyncClient) -> None:
    """Neither replaced nor created: it is there, and 409 says what to do; `If-Match` is a 412."""
    body = {"name": "New", "slug": "new"}
    put = await http.put("/members/1", json=body)
    assert (put.status_code, put.json()["type"]) == (409, "urn:holdfast:problem:deleted-record")
    assert "restore it first" in put.json()["detail"]
    matched = await http.put("/members/1", json=body, headers={"if-match": '"2"'})
    assert matched.status_code == 412
    assert (await http.get("/members/1")).status_code == 404


async def test_a_deleted_row_still_holds_its_unique_values(http: httpx2.AsyncClient) -> None:
    """A new row with one of them is a 409 naming the field, as long as the constraint counts it."""
    body = {"name": "New", "slug": "gone"}
    for answer in (
        await http.post("/members", json=body),
        await http.put("/members/7", json=body),
        await http.patch("/members/2", json={"slug": "gone"}),
    ):
        assert (answer.status_code, answer.json()["fields"]) == (409, ["slug"])


async def test_many_are_deleted_and_hidden_at_once(
    http: httpx2.AsyncClient, opened: Library
) -> None:
    """A bulk delete marks too, and all or none: one that is hidden already undoes it."""
    refused = await http.delete("/members?id=3&id=1")
    assert (refused.status_code, refused.json()["errors"][0]["index"]) == (404, 1)
    assert await ids(http, "/members?sort=name") == [2, 3]
    assert (await http.delete("/members?id=3&id=2")).status_code == 204
    assert await ids(http, "/members") == []
    rows = opened.query("SELECT COUNT(*) FROM guild_member WHERE deleted_at IS NOT NULL")
    assert rows == [(3,)]


@pytest.fixture(params=["sqlite"], scope="module")
async def sqlite(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tables in SQLite, for what is decided before the first request."""
    async with opened_library(request.param, request, Guild.metadata) as library:
        yield library


class PieceOfSomebody(BaseModel):
    """A piece whose member has to be there."""

    id: int
    member: MemberShort


async def test_a_schema_that_needs_the_hidden_row_is_refused(sqlite: Library) -> None:
    """Whichever router was built first, the one that is built second says what to change."""
    told = r"PieceOfSomebody.member does not accept None.*Let it be None: `\| None`"
    _, alchemy = sqlite.app()
    members(alchemy)
    with pytest.raises(ConfigurationError, match=told):
        pieces(alchemy, read=PieceOfSomebody)
    Member.__table__.c["deleted_at"].info.pop(SOFT_DELETE)
    _, alchemy = sqlite.app()
    pieces(alchemy, read=PieceOfSomebody)
    with pytest.raises(ConfigurationError, match=told):
        members(alchemy)
    assert SOFT_DELETE not in Member.__table__.c["deleted_at"].info


async def test_a_schema_that_writes_the_mark_is_refused(sqlite: Library) -> None:
    """In a router without `soft_delete=` as well, built before the one that has it."""

    class Marked(BaseModel):
        deleted_at: datetime | None = None

    _, alchemy = sqlite.app()
    options: dict[str, Any] = {"create": None, "put": None, "soft_delete": None}
    other = members(alchemy, update=Marked, prefix="/all", **options)
    with pytest.raises(ConfigurationError, match="which marks deleted rows"):
        members(alchemy)
    assert other.resource.declaration.soft_delete is None


@pytest.mark.parametrize("wrong", [Member.name, Member.version, Piece.title, Member.mentor])
async def test_a_mark_is_a_nullable_moment(sqlite: Library, wrong: Any) -> None:
    """A column that takes no NULL, or no time, or is another model's, is refused."""
    _, alchemy = sqlite.app()
    with pytest.raises(ConfigurationError, match="`soft_delete=`"):
        members(alchemy, soft_delete=wrong)
