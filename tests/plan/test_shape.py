"""What answers look like where requests choose fields and include relations."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import pytest
from advanced_alchemy.service import OffsetPagination
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from typing_extensions import TypedDict

from holdfast.plan.analysis import analyse
from holdfast.plan.shape import EVERYTHING, Choice, Shape
from holdfast.problems import ProblemError
from holdfast.testing import count_statements
from tests.library import ENGINES, Author, Base, Book, Country, Genre, Tag, engine_for


class TagData(TypedDict):
    word: str


class AuthorName(BaseModel):
    name: str


class BookRead(BaseModel):
    """A book."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: Annotated[int, Field(gt=0, description="Its number.")]
    title: str = Field(serialization_alias="headline", max_length=200)
    genre: Genre | None
    price: Annotated[Decimal | None, PlainSerializer(lambda price: f"{price} EUR")]
    secret_of_state: str = Field(validation_alias="title", exclude=True)
    author: AuthorName
    tags: list[TagData] = []

    @field_validator("title")
    @classmethod
    def shout(cls, title: str) -> str:
        return title.upper()

    @computed_field(alias="both")  # type: ignore[prop-decorator]
    @property
    def title_and_price(self) -> str:
        return f"{self.title}: {self.price}"


@dataclass
class BookData:
    id: int
    title: Annotated[str, Field(alias="title", serialization_alias="headline")]
    genre: Genre | None
    author: AuthorName
    tags: list[TagData] | None = None


class BookDict(TypedDict):
    """A book."""

    id: int
    title: Annotated[str, Field(serialization_alias="headline")]
    genre: Genre | None
    author: AuthorName
    tags: list[TagData]


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine whose tables hold two books."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            author = Author(name="Ann", country=Country(code="DE", name="Germany"))
            author.books = [
                Book(title="One", genre=Genre.FICTION, price=Decimal("1.50")),
                Book(title="Two", tags=[Tag(word="dark"), Tag(word="long")]),
            ]
            session.add(author)
            session.commit()
        yield engine


class Read(NamedTuple):
    """What a request came to."""

    rows: list[Any]
    page: Any
    statements: list[str]


def read(engine: Engine, shape: Shape, choice: Choice) -> Read:
    """Read and encode every book, alone and in a page."""
    with Session(engine) as session, count_statements(engine) as statements:
        statement = select(Book).options(*shape.options(choice)).order_by(Book.id)
        books = session.scalars(statement).all()
        rows = [json.loads(shape.encode(book, choice)) for book in books]
        page = {"items": books, "next": "more", "limit": 5, "offset": 0, "total": 2}
        encoded = json.loads(shape.encode(page, choice))
    return Read(rows, encoded, statements)


def test_a_request_gets_what_it_asks_for(engine: Engine) -> None:
    """Fields that are left out are absent, are not read, and the others are as ever."""
    shape = Shape(analyse(Book, BookRead, include=[Book.tags]), sparse=True, page=Page)
    assert shape.field_names == ("id", "headline", "genre", "price", "author", "both")
    assert shape.include_names == ("tags",)
    chosen = read(engine, shape, shape.choice("headline,price", None))
    assert chosen.rows == [
        {"headline": "ONE", "price": "1.50 EUR"},
        {"headline": "TWO", "price": "None EUR"},
    ]
    assert chosen.page == {"items": chosen.rows, "next": "more"}
    assert len(chosen.statements) == 1
    assert "genre" not in chosen.statements[0]
    assert "JOIN" not in chosen.statements[0]


def test_included_relations_come_besides(engine: Engine) -> None:
    """An optional relation costs its statement where it is asked for, and is absent elsewhere."""
    shape = Shape(analyse(Book, BookRead, include=[Book.tags]), sparse=True, page=Page)
    without = read(engine, shape, EVERYTHING)
    assert [sorted(row) for row in without.rows] == [sorted(shape.field_names)] * 2
    assert len(without.statements) == 1
    included = read(engine, shape, shape.choice("id", "tags"))
    assert [row["tags"] for row in included.rows] == [[], [{"word": "dark"}, {"word": "long"}]]
    assert {frozenset(row) for row in included.rows} == {frozenset({"id", "tags"})}
    assert len(included.statements) == 2


def test_a_computed_field_has_what_it_computes_from(engine: Engine) -> None:
    """Asking for a computed field reads the others, which stay out of the answer."""
    shape = Shape(analyse(Book, BookRead), sparse=True, page=Page)
    chosen = read(engine, shape, shape.choice("both", None))
    assert chosen.rows == [{"both": "ONE: 1.50"}, {"both": "TWO: None"}]


@pytest.mark.parametrize("schema", [BookRead, BookData, BookDict])
@pytest.mark.parametrize("page", [Page, OffsetPagination])
def test_everything_is_what_fastapi_answers(engine: Engine, schema: Any, page: Any) -> None:
    """Without a choice the bytes are those of the schema itself."""
    shape = Shape(analyse(Book, schema), page=page)
    assert shape.schema is schema
    whole = read(engine, shape, EVERYTHING)
    assert whole.rows[0]["headline"].lower() == "one"
    assert whole.page["items"] == whole.rows
    if schema is BookRead:
        with Session(engine) as session:
            book = session.scalars(select(Book).order_by(Book.id)).first()
            made = TypeAdapter(schema).validate_python(book, from_attributes=True)
            assert shape.encode(book) == TypeAdapter(schema).dump_json(made, by_alias=True)


SHAPES = [
    Shape(analyse(Book, schema, include=[] if schema is BookDict else [Book.tags]), sparse=True)
    for schema in (BookRead, BookData, BookDict)
]


@given(st.data())
def test_any_choice_is_part_of_the_whole(data: st.DataObject) -> None:
    """Whatever is chosen, each field has the value that it has in the whole answer."""
    shape = data.draw(st.sampled_from(SHAPES))
    book = Book(id=1, title="One", genre=Genre.SCIENCE, price=Decimal("2.50"))
    book.author, book.tags = Author(name="Ann"), [Tag(word="dark")]
    included = frozenset(shape.include_names)
    whole = json.loads(shape.encode(book, Choice(None, included)))
    names = st.lists(st.sampled_from(shape.field_names), min_size=1, unique=True)
    fields = data.draw(names)
    include = data.draw(st.sampled_from([None, *shape.include_names]))
    part = json.loads(shape.encode(book, shape.choice(",".join(fields), include)))
    assert part == {name: whole[name] for name in whole if name in {*fields, include}}


@pytest.mark.parametrize(
    ("fields", "include", "parameter", "type_"),
    [
        ("id,password_hash", None, "fields", "unknown_name"),
        ("title", None, "fields", "unknown_name"),
        ("secret_of_state", None, "fields", "unknown_name"),
        ("", None, "fields", "unknown_name"),
        ("id,", None, "fields", "unknown_name"),
        ("id,id", None, "fields", "repeated_name"),
        ("tags", None, "fields", "unknown_name"),
        (None, "author", "include", "unknown_name"),
        (None, "tags,tags", "include", "repeated_name"),
        ("\x00", None, "fields", "unknown_name"),
    ],
)
def test_only_what_is_allowed_can_be_named(
    fields: str | None, include: str | None, parameter: str, type_: str
) -> None:
    """A name that is none, is hidden or is given twice is a 422 that names the parameter."""
    shape = Shape(analyse(Book, BookRead, include=[Book.tags]), sparse=True)
    with pytest.raises(ProblemError) as refused:
        shape.choice(fields, include)
    problem = refused.value.problem
    (error,) = problem.extensions["errors"]
    assert (problem.status, error["loc"], error["type"]) == (422, ["query", parameter], type_)


def test_nothing_can_be_named_where_nothing_may() -> None:
    """A shape that is neither sparse nor includes anything refuses every name."""
    shape = Shape(analyse(Book, BookRead))
    assert shape.choice(None, None) == EVERYTHING
    for arguments in (("id", None), (None, "tags")):
        with pytest.raises(ProblemError):
            shape.choice(*arguments)


def test_what_sees_the_whole_sees_the_whole(engine: Engine) -> None:
    """Validators and serializers that may look at other fields find them there."""

    class Looking(BaseModel):
        id: int
        title: str
        genre: Genre | None
        tags: list[TagData] = []

        @field_validator("title")
        @classmethod
        def number(cls, title: str, info: Any) -> str:
            return f"{info.data['id']}. {title}"

        @field_serializer("genre")
        def both(self, genre: Genre | None) -> str:
            return f"{self.title} {genre and genre.value}"

        @model_validator(mode="after")
        def check(self) -> "Looking":
            assert self.title
            assert self.tags == []
            return self

    shape = Shape(analyse(Book, Looking, include=[Book.tags]), sparse=True, page=Page)
    chosen = read(engine, shape, shape.choice("genre", None))
    assert [row["genre"].split(".")[1] for row in chosen.rows] == [" One fiction", " Two None"]
    assert {frozenset(row) for row in chosen.rows} == {frozenset({"genre"})}
