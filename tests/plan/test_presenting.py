"""Entities as FastAPI can validate them, and whether anything is left to load."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NotRequired

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, TypeAdapter, model_validator
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session
from typing_extensions import TypedDict

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import loader_options
from holdfast.plan.presenting import is_complete, presenter
from holdfast.testing import count_statements
from tests.library import ENGINES, Author, Base, Book, Country, Tag, book_tag, engine_for
from tests.plan.workshop import Lease, Machine, Owner


class CountryRead(BaseModel):
    name: str


class TagData(TypedDict):
    word: NotRequired[str]


@dataclass
class BookData:
    title: str
    tags: list[TagData]


class BookRead(BaseModel):
    title: str


class Columns(BaseModel):
    id: int
    name: str
    rating: int | None
    version: int


class WithCountry(Columns):
    country: CountryRead | None


class WithBooks(Columns):
    books: list[BookRead]


@dataclass
class AuthorData:
    name: str
    country: CountryRead | None
    books: list[BookData]


class AuthorDict(TypedDict):
    name: str
    books: tuple[BookData, ...]


class AuthorRead(BaseModel):
    name: str
    books: list[BookData]


@pytest.fixture(params=ENGINES, scope="module")
def tables(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine that the library's tables are on."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        yield engine


@pytest.fixture
def engine(tables: Engine) -> Engine:
    """Give an engine whose tables hold one author with a country, a book and a tag."""
    with Session(tables) as session:
        for table in (book_tag, Tag, Book, Author, Country):
            session.execute(delete(table))
        author = Author(name="Ann", country=Country(code="DE", name="Germany"))
        author.books = [Book(title="One", tags=[Tag(word="dark")])]
        session.add(author)
        session.commit()
    return tables


def answer(schema: Any, value: Any) -> Any:
    """Return what a FastAPI route with a response model answers."""
    app = FastAPI()

    @app.get("/", response_model=schema)
    async def route() -> Any:
        return value

    response = TestClient(app).get("/")
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize("schema", [AuthorData, AuthorDict, AuthorRead])
def test_what_reads_no_attributes_gets_mappings(engine: Engine, schema: Any) -> None:
    """Dataclasses and TypedDicts, which FastAPI reads from mappings alone, answer on any level."""
    node = analyse(Author, schema)
    with Session(engine) as session, count_statements(engine) as statements:
        author = session.scalars(select(Author).options(*loader_options(node))).one()
        shown = answer(schema, presenter(node)(author))
    assert shown["name"] == "Ann"
    assert shown["books"] == [{"title": "One", "tags": [{"word": "dark"}]}]
    assert len(statements) == 3


def test_models_get_the_entity_itself() -> None:
    """Where Pydantic reads attributes all the way down nothing stands between."""
    author = Author(name="Ann")
    assert presenter(analyse(Author, WithBooks))(author) is author


def test_what_is_left_out_is_not_looked_at() -> None:
    """Fields that were not asked for are absent, and their attributes are not read."""

    class Sometimes(BaseModel):
        name: str
        rating: int | None
        books: list[BookRead] = []

    node = analyse(Author, Sometimes, include=[Author.books])
    author = Author(name="Ann", rating=3, books=[Book(title="One")])
    assert presenter(node, fields=frozenset({"rating"}))(author) == {"rating": 3}
    assert presenter(node)(author) == {"name": "Ann", "rating": 3}
    shown = presenter(node, include=frozenset({"books"}))(author)
    assert TypeAdapter(Sometimes).validate_python(shown, from_attributes=True).books == [
        BookRead(title="One")
    ]


def test_a_validator_that_sees_the_entity_gets_one() -> None:
    """Before a model's own validator stands an object with the entity's attributes."""

    class Initials(BaseModel):
        initial: str
        books: list[BookData]

        @model_validator(mode="before")
        @classmethod
        def abbreviate(cls, author: Any) -> Any:
            assert not hasattr(author, "rating_of_nothing")
            return {"initial": author.name[0], "books": author.books}

    class Sometimes(BaseModel):
        name: str
        books: list[BookRead] = []

        @model_validator(mode="before")
        @classmethod
        def look(cls, author: Any) -> Any:
            assert not hasattr(author, "books")
            return author

    author = Author(name="Ann", books=[Book(title="One", tags=[])])
    node = analyse(Author, Initials)
    made = TypeAdapter(Initials).validate_python(presenter(node)(author), from_attributes=True)
    assert made == Initials.model_construct(initial="A", books=[BookData("One", [])])
    left = presenter(analyse(Author, Sometimes, include=[Author.books]))(author)
    assert TypeAdapter(Sometimes).validate_python(left, from_attributes=True).books == []


def test_proxies_are_presented_by_what_is_behind_them() -> None:
    """Entities behind an association proxy become mappings where their schema needs them."""

    @dataclass
    class OwnerData:
        name: str

    class MachineRead(BaseModel):
        owners: list[OwnerData]
        part_names: list[str]

    machine = Machine(leases=[Lease(owner=Owner(name="Olga"))])
    shown = presenter(analyse(Machine, MachineRead))(machine)
    made = TypeAdapter(MachineRead).validate_python(shown, from_attributes=True)
    assert made == MachineRead(owners=[OwnerData("Olga")], part_names=[])


def test_a_new_row_is_complete(engine: Engine) -> None:
    """After the flush of a new row nothing has to be loaded: columns left unset are NULL."""
    with Session(engine) as session:
        author = Author(name="Bob")
        session.add(author)
        session.flush()
        with count_statements(engine) as statements:
            assert is_complete(analyse(Author, Columns), author)
            assert is_complete(analyse(Author, WithCountry), author)
            shown = TypeAdapter(WithCountry).validate_python(author, from_attributes=True)
            assert (shown.rating, shown.version, shown.country) == (None, 1, None)
            assert not is_complete(analyse(Author, WithBooks), author)
    assert statements == []


def test_what_is_expired_is_not_complete(engine: Engine) -> None:
    """What SQL would have to read for the answer is told, without reading it."""
    node = analyse(Author, Columns)
    with Session(engine) as session:
        author = session.scalars(select(Author)).one()
        with count_statements(engine) as statements:
            assert is_complete(node, author)
            session.expire(author, ["rating"])
            assert not is_complete(node, author)
            session.expire(author)
            assert not is_complete(node, author)
        assert statements == []
        other = session.scalars(
            select(Author).options(*loader_options(node)).execution_options(populate_existing=True)
        ).one()
        assert other is author
        assert is_complete(node, author)


def test_a_column_that_was_not_loaded_is_not_complete(engine: Engine) -> None:
    """An entity that was read by another schema lacks what that one does not show."""
    with Session(engine) as session:
        options = loader_options(analyse(Author, AuthorRead))
        author = session.scalars(select(Author).options(*options)).one()
        with count_statements(engine) as statements:
            assert not is_complete(analyse(Author, Columns), author)
            assert not is_complete(analyse(Author, WithCountry), author)
            assert is_complete(analyse(Author, AuthorRead), author)
        assert statements == []


def test_a_relation_that_a_foreign_key_has_left_is_not_complete(engine: Engine) -> None:
    """An entity that holds the former end of a foreign key has to be read again."""
    node = analyse(Author, WithCountry)
    with Session(engine) as session:
        author = session.scalars(select(Author).options(*loader_options(node))).one()
        assert is_complete(node, author)
        session.add(Country(code="FR", name="France"))
        author.country_code = "FR"
        session.flush()
        assert not is_complete(node, author)
        author.country_code = None
        session.flush()
        assert not is_complete(node, author)
        author.country = Country(code="IT", name="Italy")
        session.flush()
        assert is_complete(node, author)
        session.expire(author, ["country_code"])
        assert not is_complete(node, author)
        assert author.country_code == "IT"
        assert is_complete(node, author)
        session.expire(author.country)
        assert not is_complete(node, author)


def test_a_collection_that_a_flush_leaves_unordered_is_not_complete(engine: Engine) -> None:
    """Of several in a collection SQL knows the order; of one there is none."""
    node = analyse(Author, WithBooks)
    with Session(engine) as session:
        author = Author(name="Bob", books=[Book(title="One")])
        session.add(author)
        session.flush()
        assert is_complete(node, author)
        author.books.insert(0, Book(title="Two"))
        session.flush()
        assert not is_complete(node, author)
