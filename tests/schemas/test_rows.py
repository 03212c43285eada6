"""Generated schemas at work: rows are written and read with them, on every engine."""

import base64
from collections.abc import Generator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from holdfast.query.changes import given
from tests.library import ENGINES, engine_for
from tests.schemas.gallery import (
    Artist,
    Base,
    Country,
    OfPostgreSQL,
    Poster,
    Room,
    Sculpture,
    Ticket,
    Work,
)
from tests.schemas.generated import generated


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        if request.param == "postgresql":
            OfPostgreSQL.metadata.create_all(engine)
        yield engine


@pytest.fixture
def session(engine: Engine) -> Generator[Session]:
    with Session(engine) as session:
        yield session  # and nothing is committed


@pytest.fixture(scope="module")
def schemas() -> Generator[Any]:
    with generated(Artist, Work, Sculpture, Room, Ticket, Country, Poster) as module:
        yield module


def written(session: Session, model: Any, data: Any) -> Any:
    """Make a row of what a create schema has, and read it again."""
    row = model(**given(data, defaults=True))
    session.add(row)
    session.flush()
    session.expire_all()
    return row


def artist(session: Session, schemas: Any) -> Any:
    return written(session, Artist, schemas.ArtistCreate(name="Ada", label="ada"))


@pytest.mark.filterwarnings("ignore:Dialect sqlite")
def test_what_is_created_is_what_is_read(session: Session, schemas: Any) -> None:
    """Values of every type come back from the database as they were sent, secrets left out."""
    sent = {
        "name": "Ada",
        "label": "ada",
        "email": None,
        "style": "abstract",
        "rank": "master",
        "date": "1815-12-10",
        "seen_at": "2026-01-02T03:04:05Z",
        "fee": "12345678.90",
        "links": ["https://ada.example"],
    }
    created = schemas.ArtistCreate.model_validate({**sent, "bank_account": "DE00"})
    row = written(session, Artist, created)
    read = schemas.ArtistRead.model_validate(row).model_dump(mode="json")
    assert {name: read[name] for name in sent} == sent
    assert read["signature"] == "~Ada~"
    assert read["version"] == 1
    assert "bank_account" not in read
    assert row.bank_account == "DE00"


def test_what_is_not_sent_is_left_to_the_column(session: Session, schemas: Any) -> None:
    """A create schema needs only what has no default, and adds no value of its own."""
    row = artist(session, schemas)
    work = written(session, Work, schemas.WorkCreate(title="Notes", artist_id=row.id))
    read = schemas.WorkRead.model_validate(work)
    assert (read.width, read.twice, read.details, read.shouted) == (1, 2, {}, "NOTES")
    assert (read.kind, read.thumbnail) == ("work", None)
    assert read.made is not None


@pytest.mark.filterwarnings("ignore:Dialect sqlite")
def test_defaults_are_those_of_the_database(session: Session, schemas: Any) -> None:
    """What the create schema has as a default is what the column would have had."""
    data = schemas.TicketCreate(number=2**40)
    with_defaults = written(session, Ticket, data)
    shown = schemas.TicketRead.model_validate(with_defaults).model_dump(exclude={"code", "number"})
    session.delete(with_defaults)
    session.flush()
    bare = Ticket(number=1)
    session.add(bare)
    session.flush()
    session.expire_all()
    left = schemas.TicketRead.model_validate(bare).model_dump(exclude={"code", "number"})
    assert shown == left
    assert left["lucky"] == 3


def test_bytes_are_base64_both_ways(session: Session, schemas: Any) -> None:
    """Bytes that are no text are accepted and shown as the same base64, and are no longer."""
    row = artist(session, schemas)
    thumbnail = base64.urlsafe_b64encode(b"\xff\xfe\x00" * 5).decode()
    data = schemas.WorkCreate.model_validate(
        {"title": "x", "artist_id": row.id, "thumbnail": thumbnail}
    )
    work = written(session, Work, data)
    assert work.thumbnail == b"\xff\xfe\x00" * 5
    assert f'"thumbnail":"{thumbnail}"' in schemas.WorkRead.model_validate(work).model_dump_json()
    longer = base64.urlsafe_b64encode(b"x" * 17).decode()
    with pytest.raises(ValidationError, match="at most 16"):
        TypeAdapter(schemas.WorkUpdate).validate_python({"thumbnail": longer})


def test_a_subclass_has_the_fields_of_both_tables(session: Session, schemas: Any) -> None:
    """A class whose rows are in two tables is created and read as one."""
    row = artist(session, schemas)
    data = schemas.SculptureCreate(title="David", artist_id=row.id, weight=5.5)
    read = schemas.SculptureRead.model_validate(written(session, Sculpture, data))
    assert (read.kind, read.title, read.weight) == ("sculpture", "David", 5.5)


def test_a_dataclass_gets_its_arguments(session: Session, schemas: Any) -> None:
    """Of a mapped dataclass, what its constructor needs is needed, and what it lacks is left."""
    with pytest.raises(ValidationError, match="note"):
        schemas.RoomCreate(name="Hall")
    with pytest.raises(ValidationError, match="cleaned"):
        schemas.RoomCreate(name="Hall", note=None, cleaned=None)
    row = written(session, Room, schemas.RoomCreate(name="Hall", note=None))
    assert schemas.RoomRead.model_validate(row).floor == 0


def test_arrays_are_bounded_in_their_items(engine: Engine, session: Session, schemas: Any) -> None:
    """PostgreSQL's arrays are lists, each item with the bounds of its own type."""
    with pytest.raises(ValidationError, match="at most 10 characters"):
        schemas.PosterCreate(words=["x" * 11])
    if engine.dialect.name == "postgresql":
        data = schemas.PosterCreate(words=["a", "b"], grid=[[1], [2]])
        read = schemas.PosterRead.model_validate(written(session, Poster, data))
        assert (read.words, read.grid) == (["a", "b"], [[1], [2]])


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ("ArtistCreate", {"name": "x" * 101, "label": "ada"}),
        ("ArtistCreate", {"name": None, "label": "ada"}),
        ("ArtistCreate", {"name": "Ada", "label": "no word"}),
        ("ArtistCreate", {"name": "Ada", "label": "ada", "version": 3}),
        ("ArtistCreate", {"name": "Ada", "label": "ada", "password_hash": "x"}),
        ("ArtistCreate", {"name": "Ada", "label": "ada", "seen_at": "2026-01-02T03:04:05"}),
        ("ArtistCreate", {"name": "Ada", "label": "ada", "fee": "123456789.0"}),
        ("ArtistCreate", {"name": "Ada", "label": "ada", "fee": "1.005"}),
        ("ArtistUpdate", {"name": None}),
        ("ArtistUpdate", {"id": "00000000-0000-0000-0000-000000000000"}),
        ("ArtistUpdate", {"created_at": "2026-01-02T03:04:05Z"}),
        ("CountryUpdate", {"code": "de"}),
        ("SculptureUpdate", {"weight": "NaN"}),
        ("TicketCreate", {"number": 2**63}),
        ("TicketCreate", {"number": 1, "lucky": None}),
        ("WorkUpdate", {"made": "2026-01-02T03:04:05Z"}),
        ("WorkUpdate", {"made": None}),
        ("WorkUpdate", {"twice": 3}),
        ("WorkUpdate", {"width": 2**15}),
    ],
)
def test_what_the_column_refuses_is_refused_first(schemas: Any, schema: str, sent: Any) -> None:
    """What is too long, too large, of another kind or not a client's to set is refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(getattr(schemas, schema)).validate_python(sent)


def test_a_patch_tells_unset_from_null(schemas: Any) -> None:
    """A body has what was sent and nothing else; null is refused where the column refuses it."""
    app = FastAPI()
    received: list[Any] = []

    def patch(changes: Any) -> None:
        received.append(changes)

    patch.__annotations__["changes"] = schemas.ArtistUpdate
    app.patch("/")(patch)

    client = TestClient(app)
    assert client.patch("/", json={}).status_code == 200
    assert client.patch("/", json={"email": None, "name": "Ada"}).status_code == 200
    assert client.patch("/", json={"name": None}).status_code == 422
    assert client.patch("/", json={"nam": "Ada"}).status_code == 422
    assert received == [{}, {"email": None, "name": "Ada"}]
    described = client.get("/openapi.json").json()["components"]["schemas"]["ArtistUpdate"]
    assert "required" not in described
    assert described["properties"]["name"] == {
        "description": "As they sign.",
        "maxLength": 100,
        "title": "Name",
        "type": "string",
    }
    assert not any("default" in field for field in described["properties"].values())
