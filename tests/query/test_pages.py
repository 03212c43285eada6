"""One page of a list."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session, joinedload

from holdfast.query.pages import FetchedPage, fetch_page
from holdfast.query.scope import RowScope
from holdfast.query.sort import declared_sort, default_order, parse_order, sort_models
from holdfast.testing import count_statements
from tests.library import ENGINES, Author, Base, Book, engine_for

KEYS = declared_sort(Book, [Book.title, (Book.author, Author.name)])
DEFAULT = default_order(None, KEYS, Book)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine with the library's tables."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        yield engine


@pytest.fixture
def session(engine: Engine) -> Generator[Session]:
    """Give a session whose changes are undone: an author and three books of each of two tenants."""
    with Session(engine) as session:
        for tenant, name in ((1, "Zoe"), (2, "Ann")):
            session.add(Author(id=tenant, name=name, tenant_id=tenant))
            session.flush()
            for n in range(3):
                number = tenant * 10 + n
                session.add(Book(id=number, title=f"t{n}", author_id=tenant, tenant_id=1))
        session.flush()
        session.expire_all()
        yield session


def page(session: Session, cursor: str | None, sort: str | None = None) -> FetchedPage[Book]:
    order = parse_order(sort, KEYS, DEFAULT, Book)
    return fetch_page(session, select(Book), order=order, limit=2, cursor=cursor)


def ids(found: FetchedPage[Book]) -> list[int]:
    return [book.id for book in found.rows]


def test_pages_by_offset_tell_whether_there_are_more(session: Session) -> None:
    """They have no cursors, and none is empty unless it begins behind the end."""
    order = parse_order("-title", KEYS, DEFAULT, Book)
    found = {
        offset: fetch_page(session, select(Book), order=order, limit=2, offset=offset)
        for offset in (0, 4, 6)
    }
    assert {offset: ids(page) for offset, page in found.items()} == {
        0: [22, 12],
        4: [20, 10],
        6: [],
    }
    assert [page.has_more for page in found.values()] == [True, False, False]
    assert {page.next_cursor for page in found.values()} == {None}


def test_an_empty_page_leads_back_to_the_row_it_began_at(session: Session) -> None:
    """When all rows on one side are gone, the cursor to the other side misses none."""
    first = page(session, None)
    assert first.previous_cursor is None
    second = page(session, first.next_cursor)
    assert (ids(first), ids(second)) == ([10, 11], [12, 20])
    session.execute(delete(Book).where(Book.id > 11))
    nothing = page(session, first.next_cursor)
    assert (ids(nothing), nothing.next_cursor) == ([], None)
    back = page(session, nothing.previous_cursor)
    assert (ids(back), back.previous_cursor) == ([10, 11], None)

    session.execute(delete(Book).where(Book.id < 11))
    before = page(session, page(session, back.next_cursor).previous_cursor)
    assert ids(before) == [11]


def test_an_empty_page_before_leads_on_to_the_row_it_began_at(session: Session) -> None:
    """The same holds at the beginning of a list."""
    second = page(session, page(session, None).next_cursor)
    assert ids(second) == [12, 20]
    session.execute(delete(Book).where(Book.id < 12))
    nothing = page(session, second.previous_cursor)
    assert (ids(nothing), nothing.previous_cursor) == ([], None)
    assert ids(page(session, nothing.next_cursor)) == [12, 20]


def test_a_page_is_one_statement(session: Session, engine: Engine) -> None:
    """One SELECT reads the rows, their sort keys, and whether there are more."""
    with count_statements(engine) as counted:
        page(session, page(session, None, "author.name").next_cursor, "author.name")
    assert len(counted) == 2


def test_a_sort_over_a_relation_keeps_to_the_scope(session: Session) -> None:
    """A row behind it that is out of scope sorts as if it were not there, on every page."""
    scope = RowScope([Author.tenant_id == 1])
    options = scope.options([Book, *sort_models(KEYS)])
    order = parse_order("author.name", KEYS, DEFAULT, Book)
    statement = select(Book).options(joinedload(Book.author), *options)
    seen: list[tuple[int, bool]] = []
    cursor = None
    for _ in range(3):
        found = fetch_page(session, statement, order=order, limit=2, cursor=cursor)
        seen += [(book.id, book.author is not None) for book in found.rows]
        cursor = found.next_cursor
    assert seen == [(10, True), (11, True), (12, True), (20, False), (21, False), (22, False)]
    assert cursor is None
