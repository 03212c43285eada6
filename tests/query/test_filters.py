"""Filters as they are declared, and through relations."""

import re
from collections.abc import Generator
from typing import Any

import pytest
from advanced_alchemy.types import EncryptedString
from advanced_alchemy.types.encrypted_string import PGCryptoBackend
from sqlalchemy import ARRAY, JSON, ForeignKey, String, Uuid, create_engine, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.query.filters import (
    Filter,
    FilterDeclarations,
    check_filters,
    criterion,
    declared_filters,
    filter_models,
)
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.search import Search, declared_search
from tests.engines.postgres import PostgresServer
from tests.library import ENGINES, Author, Book, Country, Tag, engine_for
from tests.library import Base as LibraryBase


class Base(DeclarativeBase):
    """Tables of this page alone."""


class Person(Base):
    """Somebody with a superior, who has one as well."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    superior_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    superior: Mapped["Person | None"] = relationship(
        remote_side="Person.id", back_populates="subordinates"
    )
    subordinates: Mapped[list["Person"]] = relationship(back_populates="superior")


class Odd(Base):
    """Columns that few filters suit."""

    __tablename__ = "odd"
    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    document: Mapped[Any] = mapped_column(JSON())
    secret: Mapped[str] = mapped_column(EncryptedString(key="x", backend=PGCryptoBackend))
    vector: Mapped[Any] = mapped_column(postgresql.TSVECTOR())
    address: Mapped[Any] = mapped_column(postgresql.INET())
    key_text: Mapped[str] = mapped_column(Uuid(as_uuid=False))


class Folding(Base):
    """A text whose collation ignores case; of PostgreSQL alone."""

    __tablename__ = "folding"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20, collation="folding"))


@pytest.fixture(params=ENGINES, scope="module")
def session(request: pytest.FixtureRequest) -> Generator[Session]:
    """Give a session on a library of three authors."""
    with engine_for(request.param, request) as engine:
        LibraryBase.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(Country(code="NO", name="Norway"))
            session.add_all(Tag(id=n, word=word) for n, word in enumerate(("sea", "war"), start=1))
            session.flush()
            session.add_all(
                [
                    Author(id=1, name="Ann", country_code="NO", rating=5),
                    Author(id=2, name="Bob", tenant_id=2),
                    Author(id=3, name="Cid", rating=1),
                ]
            )
            session.flush()
            sea, war = session.get_one(Tag, 1), session.get_one(Tag, 2)
            session.add_all(
                [
                    Book(id=1, title="Ships", author_id=1, tags=[sea, war]),
                    Book(id=2, title="Ships", author_id=1, tags=[sea]),
                    Book(id=3, title="Ships", author_id=2),
                    Book(id=4, title="Tanks", author_id=3, tags=[war]),
                ]
            )
            session.commit()
            yield session


def _one(model: type[Any], declarations: FilterDeclarations) -> Filter:
    (found,) = declared_filters(model, declarations)
    return found


def _ids(
    session: Session, used: Filter, value: Any, scope: RowScope = EVERY_ROW, model: Any = Author
) -> list[int]:
    where = criterion(used, value, session.get_bind().dialect.name)
    options = scope.options([model, *filter_models([used], None)])
    return list(session.scalars(select(model.id).where(where).options(*options).order_by(model.id)))


def test_a_filter_through_relations_gives_each_row_once(session: Session) -> None:
    """An author with two such books, of which one has two tags, comes once."""
    assert _ids(session, _one(Author, {(Author.books, Book.title): ["eq"]}), "Ships") == [1, 2]
    by_tag = _one(Author, {(Author.books, Book.tags, Tag.word): ["in"]})
    assert _ids(session, by_tag, ["sea", "war"]) == [1, 3]
    by_country = _one(Book, {(Book.author, Author.country, Country.name): ["starts_with"]})
    assert _ids(session, by_country, "Nor", model=Book) == [1, 2]


def test_a_missing_relation_has_no_value(session: Session) -> None:
    """`is_null` through a to-one relation holds where it leads nowhere, or the value is NULL."""
    by_country = _one(Author, {(Author.country, Country.name): ["is_null"]})
    assert _ids(session, by_country, value=True) == [2, 3]
    assert _ids(session, by_country, value=False) == [1]
    by_rating = _one(Book, {(Book.author, Author.rating): ["is_null"]})
    assert _ids(session, by_rating, value=True, model=Book) == [3]


def test_ne_through_relations_is_about_one_that_differs(session: Session) -> None:
    """`ne` finds rows that have another related value, not those that have none."""
    by_country = _one(Author, {(Author.country, Country.name): ["ne"]})
    assert _ids(session, by_country, "Sweden") == [1]
    by_title = _one(Author, {(Author.books, Book.title): ["ne"]})
    assert _ids(session, by_title, "Tanks") == [1, 2]


def test_rows_outside_the_scope_cannot_be_found_by(session: Session) -> None:
    """A filter through a relation sees rows of the scope alone, without those deleted."""
    scope = RowScope([Author.tenant_id == 1])
    by_name = _one(Book, {(Book.author, Author.name): ["eq"]})
    assert filter_models([by_name], None) == (Author,)
    assert _ids(session, by_name, "Bob", scope, Book) == []
    assert _ids(session, by_name, "Ann", scope, Book) == [1, 2]
    rated = _one(Book, {(Book.author, Author.rating): ["is_null"]})
    assert _ids(session, rated, value=False, scope=scope, model=Book) == [1, 2, 4]


def test_rows_outside_the_scope_are_no_way_to_others(session: Session) -> None:
    """Every relation on the way keeps to the scope, many-to-many and the own class included."""
    by_tag = _one(Author, {(Author.books, Book.tags, Tag.word): ["in"]})
    assert _ids(session, by_tag, ["sea", "war"], RowScope([Book.id != 4])) == [1]
    assert _ids(session, by_tag, ["sea", "war"], RowScope([Tag.word == "war"])) == [1, 3]
    assert _ids(session, by_tag, ["sea"], RowScope([Tag.word == "war"])) == []
    again = _one(Book, {(Book.author, Author.books, Book.title): ["eq"]})
    assert _ids(session, again, "Tanks", model=Book) == [4]
    assert _ids(session, again, "Ships", RowScope([Book.id != 1]), Book) == [2, 3]


def test_a_count_and_a_page_with_relations_see_the_same_rows(session: Session) -> None:
    """The criterion holds in a count, and in a page whose relations are loaded by joins."""
    by_title = _one(Author, {(Author.books, Book.title): ["eq"]})
    where = criterion(by_title, "Ships", session.get_bind().dialect.name)
    statement = select(Author).where(where).options(joinedload(Author.books)).order_by(Author.id)
    assert [each.id for each in session.scalars(statement.limit(1)).unique()] == [1]
    counted = select(func.count()).select_from(select(Author.id).where(where).subquery())
    assert session.scalar(counted) == 2
    assert session.scalar(select(func.count()).select_from(Author).where(where)) == 2


def test_models_are_those_on_the_way_as_well() -> None:
    """Every class on the way of a filter or of the search is named, once."""
    used = declared_filters(Author, {(Author.books, Book.tags, Tag.word): ["eq"]})
    search = declared_search(Author, Search(Author.name, (Author.country, Country.name)))
    assert filter_models([*used, *used], search) == (Book, Tag, Country)


def test_a_relation_to_the_own_class_is_followed_twice() -> None:
    """Each step from a class to itself is one step, up and down."""
    engine = create_engine("sqlite://")
    Person.__table__.create(engine)  # type: ignore[attr-defined]
    with Session(engine) as session:
        top = Person(id=1, name="top", subordinates=[Person(id=2, name="middle")])
        top.subordinates[0].subordinates = [Person(id=3, name="low")]
        session.add(top)
        session.flush()
        up = _one(Person, {(Person.superior, Person.superior, Person.name): ["eq"]})
        assert _ids(session, up, "top", model=Person) == [3]
        down = _one(Person, {(Person.subordinates, Person.subordinates, Person.name): ["eq"]})
        assert _ids(session, down, "low", model=Person) == [1]
    engine.dispose()


def test_arrays_are_filtered_by_their_items(postgres: PostgresServer) -> None:
    """`any` finds arrays that hold one of the items, `all` those that hold each of them."""
    some, each = declared_filters(Odd, {Odd.words: ["any", "all"]})
    assert (some.parameter, each.parameter) == ("words__any", "words__all")
    with postgres.fresh_database() as name:
        engine = create_engine(postgres.url("psycopg", name))
        with Session(engine) as session:
            table: Any = Odd.__table__
            session.connection().exec_driver_sql("CREATE TABLE odd (id int, words varchar(20)[])")
            for id_, words in ((1, ["a", "b"]), (2, ["b"]), (3, []), (4, None)):
                session.execute(table.insert().values(id=id_, words=words))
            assert _ids(session, some, ["a", "b"], model=Odd) == [1, 2]
            assert _ids(session, each, ["a", "b"], model=Odd) == [1]
            assert _ids(session, some, ["{a}", '"', "\\"], model=Odd) == []
        engine.dispose()


def test_a_declared_collation_decides_equality_alone(postgres: PostgresServer) -> None:
    """A column whose collation ignores case is equal without it, and contains with it."""
    used = declared_filters(Folding, {Folding.name: ["eq", "contains", "icontains", "ieq"]})
    with postgres.fresh_database() as name:
        engine = create_engine(postgres.url("psycopg", name))
        with Session(engine) as session:
            session.connection().exec_driver_sql(
                "CREATE COLLATION folding "
                "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
            )
            Folding.__table__.create(session.connection())  # type: ignore[attr-defined]
            session.add(Folding(id=1, name="Änn"))
            session.flush()
            found = {
                each.operator: [len(_ids(session, each, text, model=Folding)) for text in sought]
                for each in used
                for sought in [("Änn", "änn", "n")]
            }
        engine.dispose()
    assert found == {
        "eq": [1, 1, 0],
        "contains": [1, 0, 1],
        "icontains": [1, 1, 1],
        "ieq": [1, 1, 0],
    }


def test_an_engine_without_arrays_is_refused() -> None:
    """The items of an array cannot be compared elsewhere, which is said beforehand."""
    used = declared_filters(Odd, {Odd.words: ["any", "is_null"]})
    check_filters(used, "postgresql")
    with pytest.raises(ConfigurationError, match="sqlite does not have"):
        check_filters(used, "sqlite")


@pytest.mark.parametrize(
    ("declarations", "message"),
    [
        ({Author.name: "eq"}, 'Write a list of operators: ["eq"]'),
        ({Author.name: ["like"]}, "is no operator. Choose among eq, ne"),
        ({Author.rating: ["contains"]}, "does not suit a column of type Integer()"),
        ({Author.name: ["eq", "eq"]}, "two meanings"),
        ({Book.title: ["eq"]}, "Author is not Book"),
        ({Author.books: ["eq"]}, "Name a column of Book"),
        ({"name": ["eq"]}, "no mapped attribute"),
        ({Author.born: ["starts_with"]}, "Choose among eq, ne, in, not_in, is_null, lt"),
    ],
)
def test_mistakes_are_told_with_their_remedy(declarations: Any, message: str) -> None:
    """What is no column, no operator, or does not suit the column is refused at once."""
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        declared_filters(Author, declarations)


@pytest.mark.parametrize(
    "column", [Odd.secret, Odd.document, Odd.vector, Odd.address], ids=lambda column: column.key
)
def test_what_cannot_be_compared_has_is_null_alone(column: Any) -> None:
    """Encrypted texts, documents and types of one engine have no operator but `is_null`."""
    assert _one(Odd, {column: ["is_null"]}).annotation is bool
    with pytest.raises(ConfigurationError, match=re.escape("Choose among is_null.")):
        declared_filters(Odd, {column: ["eq"]})


def test_a_description_tells_the_column_and_the_comparison() -> None:
    """A client reads what is compared, and how."""
    used = declared_filters(Book, {Book.title: ["eq", "icontains"], (Book.tags, Tag.word): ["in"]})
    assert [each.description for each in used] == [
        "`title` equals this.",
        "`title` contains this text, whether upper or lower case.",
        "One `tags.word` at least equals one of these.",
    ]
