"""Which rows a request may see and touch."""

import re
from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Engine, func, or_, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    column_property,
    joinedload,
    mapped_column,
    selectinload,
)

from holdfast.errors import ConfigurationError
from holdfast.query.relations import related_criterion
from holdfast.query.scope import EVERY_ROW, RowScope, Scope, soft_delete_column
from tests.library import ENGINES, Author, Base, Book, Country, engine_for


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine whose tables hold an author and a book of each of two tenants."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            for tenant in (1, 2):
                author = Author(id=tenant, name="Ann", tenant_id=tenant)
                author.books = [
                    Book(id=10 * tenant + 1, title="Mine", tenant_id=tenant),
                    Book(id=10 * tenant + 2, title="Other", tenant_id=3 - tenant),
                ]
                session.add(author)
            session.commit()
        yield engine


def tenant() -> int:
    return 1


both = Scope(tenant, Author.tenant_id, Book.tenant_id)


def test_a_select_gives_the_rows_of_the_scope_alone(engine: Engine) -> None:
    """Options of a scope restrict the entity, what a subquery reads, and eager relations."""
    scope = RowScope(both.criteria(1))
    options = scope.options([Author, Book])
    with Session(engine) as session:
        authors = session.scalars(select(Author).options(selectinload(Author.books), *options))
        assert [(a.id, [b.id for b in a.books]) for a in authors] == [(1, [11])]
        count = session.scalar(select(func.count()).select_from(Author).options(*options))
        assert count == 1
        titled = related_criterion([Author.books], Book.title, lambda title: title == "Other")
        having = select(Author.id).where(titled)
        assert session.scalars(having.options(*options)).all() == []
        books = session.scalars(select(Book).options(joinedload(Book.author), *options))
        assert [(b.id, b.author and b.author.id) for b in books] == [(11, 1), (22, None)]


def test_values_are_those_that_the_criteria_fix() -> None:
    """`column == value` fixes the value of new rows; other criteria do not."""
    scope = RowScope([Author.tenant_id == 7, or_(Book.tenant_id == 7, Book.tenant_id == 8)])
    assert dict(scope.values(Author)) == {"tenant_id": 7}
    assert scope.is_fixed_by_values(Author)
    assert dict(scope.values(Book)) == {}
    assert not scope.is_fixed_by_values(Book)
    assert scope.is_fixed_by_values(Country)
    both_parts = RowScope([(Author.tenant_id == 7) & (Author.name == "Ann")])
    assert dict(both_parts.values(Author)) == {"tenant_id": 7, "name": "Ann"}


def test_no_scope_restricts_nothing() -> None:
    """Without criteria and marks there is neither a criterion nor an option."""
    assert EVERY_ROW.criterion(Author) is None
    assert EVERY_ROW.options([Author, Book]) == ()
    assert not EVERY_ROW.is_restricted


def test_a_criterion_is_about_one_model() -> None:
    """A criterion that compares two models is refused, and so is one about none."""
    with pytest.raises(ConfigurationError, match=re.escape("about Author and Book")):
        RowScope([Author.tenant_id == Book.tenant_id])
    with pytest.raises(ConfigurationError, match="Return one criterion for each model"):
        RowScope([func.now() > 1])
    inner = Author.id.in_(select(Book.author_id))
    assert RowScope([inner]).criterion(Author) is inner


@pytest.mark.parametrize(
    "criterion",
    [
        (Author.id > 0) & Author.books.any(Book.tenant_id == 1),
        (Author.id > 0) & select(Book.id).where(Book.author_id == Author.id).exists(),
        Author.id.in_(select(Author.id).where(Author.tenant_id == 1)),
    ],
)
def test_a_subquery_does_not_look_at_the_row_itself(criterion: ColumnElement[bool]) -> None:
    """An upsert has no FROM that it could be about: such a criterion would let every row pass."""
    with pytest.raises(ConfigurationError, match=re.escape("`Author.id.in_(select(...))`")):
        RowScope(criterion)
    other = aliased(Author)
    assert RowScope(Author.id.in_(select(other.id))).models == (Author,)


def test_a_criterion_is_an_expression() -> None:
    """None from a dependency is a mistake that is told, and not every row."""
    nothing: Any = None
    with pytest.raises(ConfigurationError, match="Return criteria such as"):
        RowScope(nothing)
    with pytest.raises(ConfigurationError, match=re.escape("Author.id.in_(select(")):
        RowScope(Author.books.any(Book.tenant_id == 1))


def test_nobody_is_no_owner() -> None:
    """A dependency that gives None is a mistake, and not everybody's rows."""
    with pytest.raises(ConfigurationError, match="Raise a 401 or 403"):
        both.criteria(None)
    with pytest.raises(ConfigurationError, match="Name one of each model"):
        Scope(tenant)
    with pytest.raises(ConfigurationError, match="Name a mapped column"):
        Scope(tenant, Author.books)


def test_a_scope_finds_the_column_of_a_model() -> None:
    """The column that divides a model's rows is found by the model."""
    assert both.column_of(Book) is Book.tenant_id
    assert both.column_of(Country) is None


def test_an_expression_is_no_mark_of_deletion() -> None:
    """A class that maps an expression beside its columns has no mark because of it."""

    class Own(DeclarativeBase):
        pass

    class Named(Own):
        __tablename__ = "scope_named"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column()
        label = column_property(func.lower(name))

    assert soft_delete_column(Named) is None
