"""What SQL reads for a schema: its columns and relations, in a bounded number of statements."""

import pytest
from pydantic import (
    BaseModel,
    Field,
)
from sqlalchemy import Engine, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import (
    loader_options,
)
from holdfast.query.scope import RowScope
from holdfast.testing import count_statements
from tests.library import Author, Book, Country
from tests.plan.stock import loaded
from tests.plan.workshop import Machine


class CountryRead(BaseModel):
    name: str


class TagRead(BaseModel):
    word: str


class WriterRead(BaseModel):
    email: str | None
    country: CountryRead | None


class BookRead(BaseModel):
    title: str
    tags: list[TagRead]
    author: WriterRead


class AuthorRead(BaseModel):
    id: int
    name: str
    country: CountryRead | None
    books: list[BookRead]


def test_each_to_many_level_is_one_statement(stocked: Engine) -> None:
    """To-one relations are joined, a to-many level is one more statement, and LIMIT counts rows."""
    with Session(stocked) as session, count_statements(stocked) as statements:
        first, second, third = loaded(session, Author, AuthorRead)
    assert len(statements) == 3
    assert first.country is None
    assert (second.country.name, third.name) == ("Germany", "Ann 3")
    assert [(b.title, b.author.email) for b in second.books] == [
        (f"B{n}", "2@x.org") for n in range(1, 5)
    ]
    assert [t.word for t in first.books[0].tags] == ["dark", "long"]


def test_only_what_is_shown_is_read(stocked: Engine) -> None:
    """SQL names the columns of the schema and keys, in nested entities as well."""
    with Session(stocked) as session, count_statements(stocked) as statements:
        loaded(session, Author, AuthorRead)
    sent = " ".join(statements)
    for column in ("born", "rating", "password_hash", "price", "published", "deleted_at"):
        assert column not in sent


def test_the_scope_holds_in_every_statement(stocked: Engine) -> None:
    """Rows outside the scope are in no collection, and a joined one is None."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        books: list[Titled]
        country: CountryRead | None

    scope = RowScope([Book.tenant_id == 2, Country.name != "Germany"])
    with Session(stocked) as session, count_statements(stocked) as statements:
        authors = loaded(session, Author, Writer, scope)
    assert len(statements) == 2
    assert [[b.title for b in a.books] for a in authors] == [["B1", "B3"]] * 3
    assert [a.country for a in authors] == [None] * 3


def test_nothing_is_loaded_lazily(stocked: Engine) -> None:
    """A column or relation that was not asked for raises, on every level."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        books: list[Titled]

    options = loader_options(analyse(Author, Writer))
    with Session(stocked) as session, count_statements(stocked) as statements:
        author = session.scalars(select(Author).options(*options).order_by(Author.id)).all()[1]
        for entity, name in (
            (author, "name"),
            (author, "country"),
            (author.books[0], "price"),
            (author.books[0], "tags"),
        ):
            with pytest.raises(InvalidRequestError, match="raise"):
                getattr(entity, name)
    assert len(statements) == 2


def test_what_the_mapping_loads_eagerly_is_not(stocked: Engine) -> None:
    """A relation that is mapped as eager is read where the schema shows it, and not elsewhere."""

    class Named(BaseModel):
        name: str

    with Session(stocked) as session, count_statements(stocked) as statements:
        assert [m.name for m in loaded(session, Machine, Named)] == ["Saw", "Drill"]
    assert len(statements) == 1
    assert "workshop_manual" not in statements[0]


def test_one_of_at_most_one_is_joined_where_that_is_proven(stocked: Engine) -> None:
    """A unique foreign key allows a join; without one, a second row cannot take a place."""

    class Text(BaseModel):
        text: str

    class Named(BaseModel):
        name: str

    class WithManual(BaseModel):
        name: str
        manual: Text | None

    class WithPart(BaseModel):
        name: str
        any_part: Named | None

    with Session(stocked) as session, count_statements(stocked) as statements:
        machines = loaded(session, Machine, WithManual)
    assert [(m.name, m.manual and m.manual.text) for m in machines] == [
        ("Saw", "Mind your fingers."),
        ("Drill", None),
    ]
    assert len(statements) == 1
    node = analyse(Machine, WithPart)
    assert not node.relations[0].is_joined


def test_an_entity_that_two_paths_lead_to_has_what_both_read(stocked: Engine) -> None:
    """A row that is read on two levels has the columns and relations of either."""

    class WriterOfBook(BaseModel):
        email: str | None
        country: CountryRead | None

    class BookOfWriter(BaseModel):
        author: WriterOfBook

    class Writer(BaseModel):
        name: str
        books: list[BookOfWriter]

    with Session(stocked) as session, count_statements(stocked) as statements:
        _, second, _ = loaded(session, Author, Writer)
    assert [(b.author.email, b.author.country.name) for b in second.books] == [
        ("2@x.org", "Germany")
    ] * 4
    assert len(statements) == 2


def test_an_entity_that_the_session_holds_is_completed(stocked: Engine) -> None:
    """What a row lacks because an earlier statement read less of it is read."""

    class Short(BaseModel):
        name: str

    with Session(stocked) as session:
        kept = session.scalars(select(Author).options(*loader_options(analyse(Author, Short))))
        kept_rows = kept.all()
        authors = loaded(session, Author, AuthorRead)
        assert [a.id for a in authors] == [a.id for a in kept_rows[:3]] == [1, 2, 3]
        assert len(authors[1].books[0].tags) == 2


def test_two_fields_may_show_one_relation(stocked: Engine) -> None:
    """The columns and relations that two schemas read behind one relation are read together."""

    class Titled(BaseModel):
        title: str

    class Tagged(BaseModel):
        tags: list[TagRead]

    class Writer(BaseModel):
        books: list[Titled]
        tagged: list[Tagged] = Field(validation_alias="books")

    with Session(stocked) as session, count_statements(stocked) as statements:
        first, *_ = loaded(session, Author, Writer)
    assert first.books[0].title == "B1"
    assert [tag.word for tag in first.tagged[0].tags] == ["dark", "long"]
    assert len(statements) == 3


def test_what_is_asked_for_is_what_is_read(stocked: Engine) -> None:
    """Chosen fields and included relations decide the columns and statements."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        id: int
        name: str
        rating: int | None
        books: list[Titled] = []

    node = analyse(Author, Writer, include=[Author.books])
    asked = {"fields": frozenset({"rating"})}
    for more, number in (({}, 1), ({"include": frozenset({"books"})}, 2)):
        options = loader_options(node, **asked, **more)
        with Session(stocked) as session, count_statements(stocked) as statements:
            session.scalars(select(Author).options(*options)).all()
        assert len(statements) == number
        assert "rating" in statements[0]
        assert "name" not in statements[0]
