"""Deleting one row, or marking it as deleted, and taking the mark away."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from holdfast.problems import Problem, ProblemError
from holdfast.query.create import create_row
from holdfast.query.delete import delete_row, restore_row
from holdfast.query.preconditions import Precondition
from holdfast.query.scope import SOFT_DELETE, RowScope
from holdfast.query.update import update_row
from tests.library import Author, Base, Book, Country
from tests.query.writers import DRIVERS, Writer, opened

TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])
OLD = Precondition.from_headers('"7"', None)


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(Base.metadata)
    return tables


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Author.__table__.c.deleted_at.info, SOFT_DELETE, True)


async def made(writer: Writer, model: type[Any], **values: Any) -> Any:
    return await writer.run(model, lambda service: create_row(service, values))


async def refused(writer: Writer, work: Any, model: type[Any] = Author) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await writer.run(model, work)
    return refusal.value.problem


async def test_a_row_is_deleted(writer: Writer) -> None:
    """Two statements lock and delete a row that has no children."""
    await made(writer, Country, code="de", name="Germany")
    await writer.run(Country, lambda s: delete_row(s, "de"))
    assert len(writer.statements) == 2
    assert writer.database.query("SELECT code FROM library_country") == []


async def test_what_belongs_to_the_row_goes_with_it(writer: Writer) -> None:
    """Children that the mapper cascades to are deleted, those of another tenant as well."""
    author = await made(writer, Author, name="Ann")
    for tenant in (1, 2):
        await made(writer, Book, title="T", author_id=author.id, tenant_id=tenant)
    await writer.run(Author, lambda s: delete_row(s, author.id, scope=TENANT))
    assert writer.database.query("SELECT id FROM library_book") == []


async def test_a_row_outside_the_scope_is_not_there(writer: Writer) -> None:
    """A row of another tenant is a 404, and stays."""
    author = await made(writer, Author, name="Eve", tenant_id=2)
    outside = await refused(writer, lambda s: delete_row(s, author.id, scope=TENANT))
    missing = await refused(writer, lambda s: delete_row(s, 12345, scope=TENANT))
    assert outside == missing
    assert outside.status == 404
    assert writer.database.query("SELECT name FROM library_author") == [("Eve",)]


async def test_the_condition_is_compared_with_the_row(writer: Writer) -> None:
    """An If-Match of another version is a 412, and the row stays; its own passes."""
    author = await made(writer, Author, name="Ann")
    problem = await refused(writer, lambda s: delete_row(s, author.id, precondition=OLD))
    assert problem.status == 412
    own = Precondition.from_headers('"1"', None)
    await writer.run(Author, lambda s: delete_row(s, author.id, precondition=own))
    assert writer.database.query("SELECT name FROM library_author") == []


async def test_an_overridden_delete_is_called(writer: Writer) -> None:
    """A service that has a `delete` of its own is asked to do it."""
    called: list[Any] = []

    async def awaited(self: Any, item_id: Any, **options: Any) -> Any:
        called.append(item_id)
        return await super(type(self), self).delete(item_id, **options)

    def plain(self: Any, item_id: Any, **options: Any) -> Any:
        called.append(item_id)
        return super(type(self), self).delete(item_id, **options)

    await made(writer, Country, code="de", name="Germany")
    members = {"delete": awaited if writer.is_async else plain}
    await writer.run(Country, lambda s: delete_row(s, "de"), members=members)
    assert called == ["de"]
    assert writer.database.query("SELECT code FROM library_country") == []


@pytest.mark.usefixtures("soft")
async def test_a_marked_row_is_hidden_until_it_is_restored(writer: Writer) -> None:
    """Deleting sets the mark and a new version; the row is then a 404 until it is restored."""
    author = await made(writer, Author, name="Ann")
    await writer.run(Author, lambda s: delete_row(s, author.id, scope=TENANT))
    assert len(writer.statements) == 2
    marked = "SELECT version FROM library_author WHERE deleted_at IS NOT NULL"
    assert writer.database.query(marked) == [(2,)]
    again = await refused(writer, lambda s: delete_row(s, author.id, scope=TENANT))
    change = await refused(writer, lambda s: update_row(s, author.id, {"name": "X"}, scope=TENANT))
    assert again.status == change.status == 404
    row = await writer.run(Author, lambda s: restore_row(s, author.id, scope=TENANT))
    assert (row.deleted_at, row.version, len(writer.statements)) == (None, 3, 2)
    row = await writer.run(Author, lambda s: restore_row(s, author.id, scope=TENANT))
    assert (row.version, len(writer.statements)) == (3, 1)


@pytest.mark.usefixtures("soft")
async def test_restoring_keeps_to_the_scope_and_the_condition(writer: Writer) -> None:
    """A marked row of another tenant is a 404, one of another version a 412."""
    mine = await made(writer, Author, name="Ann")
    other = await made(writer, Author, name="Eve", tenant_id=2)
    await writer.run(Author, lambda s: delete_row(s, mine.id))
    await writer.run(Author, lambda s: delete_row(s, other.id))
    outside = await refused(writer, lambda s: restore_row(s, other.id, scope=TENANT))
    assert outside.status == 404
    stale = await refused(writer, lambda s: restore_row(s, mine.id, precondition=OLD))
    assert stale.status == 412
