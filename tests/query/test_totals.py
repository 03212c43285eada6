"""How many rows a list has."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.orm import Session, joinedload, selectinload

from holdfast.errors import ConfigurationError
from holdfast.query.scope import RowScope
from holdfast.query.totals import check_totals, estimated_total, exact_total
from tests.library import ENGINES, Author, Base, Book, engine_for
from tests.query.databases import Opened, opened


def fill(session: Session) -> None:
    """Leave a thousand authors of ten tenants, and a book of each of the first ten."""
    rows = [{"id": n, "name": f"n{n}", "tenant_id": n % 10, "version": 1} for n in range(1, 1001)]
    session.execute(insert(Author), rows)
    books = [{"id": n, "title": "t", "author_id": n, "tenant_id": 1} for n in range(1, 11)]
    session.execute(insert(Book), books)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine with filled tables."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            fill(session)
            session.commit()
        yield engine


@pytest.fixture(params=("psycopg", "asyncpg", "pymysql", "asyncmy"), scope="module")
def server(request: pytest.FixtureRequest) -> Generator[Opened]:
    """Give a database on a server, whose planner has seen its tables."""
    with opened(request.param, request, Base) as found:
        found.run(fill)
        analyze = "ANALYZE" if found.engine == "postgresql" else "ANALYZE TABLE"
        found.run(lambda session: session.execute(text(f"{analyze} library_author")) and None)
        yield found


def test_an_exact_total_counts_the_rows_of_the_scope_and_filter(engine: Engine) -> None:
    """Loader options and an order change nothing about it."""
    scope = RowScope([Author.tenant_id == 3, Book.tenant_id == 1])
    statement = (
        select(Author)
        .where(Author.id <= 500)
        .options(joinedload(Author.country), selectinload(Author.books))
        .options(*scope.options([Author, Book]))
        .order_by(Author.name)
    )
    with Session(engine) as session:
        assert exact_total(session, statement) == 50
        assert exact_total(session, statement.where(Author.books.any(Book.title == "t"))) == 1
        assert exact_total(session, select(Author).where(Author.id < 0)) == 0


def test_an_estimate_is_the_planners(server: Opened) -> None:
    """It is near the truth where the planner knows the table, filters and parameters included."""

    def work(session: Session) -> None:
        assert 800 <= estimated_total(session, select(Author)) <= 1200
        few = select(Author).where(Author.id.between(1, 100), Author.name != "it's")
        assert 50 <= estimated_total(session, few) <= 200
        assert estimated_total(session, select(Author).where(Author.id.in_([1, 2]))) <= 10

    server.run(work)


def test_sqlite_offers_no_estimate() -> None:
    """Declared there it fails, and says what to do."""
    check_totals(["exact", "none"], "sqlite")
    check_totals(["estimated"], "postgresql")
    with pytest.raises(ConfigurationError, match="Leave 'estimated' out"):
        check_totals(["exact", "estimated"], "sqlite")
