"""Changing one row."""

from collections.abc import AsyncGenerator
from datetime import date
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from holdfast.problems import Problem, ProblemError
from holdfast.query.committed import Reload
from holdfast.query.create import create_row
from holdfast.query.preconditions import Precondition, etag_of
from holdfast.query.scope import RowScope
from holdfast.query.update import update_row
from tests.library import Author, Base, Book, Country
from tests.query.writers import DRIVERS, Writer, opened

TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])


class AuthorChange(BaseModel):
    name: str | None = None
    email: str | None = None
    born: date | None = None
    tenant_id: int | None = None


class BookChange(TypedDict, total=False):
    title: str
    author_id: int


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(Base.metadata)
    return tables


async def made(writer: Writer, model: type[Any], **values: Any) -> Any:
    return await writer.run(model, lambda service: create_row(service, values))


async def changed(writer: Writer, model: type[Any], key: Any, data: Any, **options: Any) -> Any:
    return await writer.run(model, lambda s: update_row(s, key, data, **options))


async def refused(writer: Writer, model: type[Any], key: Any, data: Any, **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await changed(writer, model, key, data, **options)
    return refusal.value.problem


async def test_what_is_not_sent_stays(writer: Writer) -> None:
    """Unset is not null: two statements change what was sent, and null is NULL."""
    author = await made(writer, Author, name="Ann", email="ann@example.org", rating=3)
    answer = await changed(writer, Author, author.id, AuthorChange(email=None), scope=TENANT)
    assert len(writer.statements) == 2
    assert (answer.name, answer.email, answer.rating, answer.version) == ("Ann", None, 3, 2)
    rows = writer.database.query("SELECT name, email, rating, version FROM library_author")
    assert rows == [("Ann", None, 3, 2)]


async def test_nothing_to_change_is_no_update(writer: Writer) -> None:
    """An empty change, and one that says what is so, read the row and leave its version."""
    author = await made(writer, Author, name="Ann")
    for data in ({}, {"name": "Ann"}):
        answer = await changed(writer, Author, author.id, data)
        assert (len(writer.statements), answer.version) == (1, 1)


async def test_a_row_outside_the_scope_is_not_there(writer: Writer) -> None:
    """A row of another tenant is a 404 as one that does not exist, whatever the condition."""
    author = await made(writer, Author, name="Eve", tenant_id=2)
    condition = Precondition.from_headers('"9"', None)
    options = {"scope": TENANT, "precondition": condition}
    outside = await refused(writer, Author, author.id, {"name": "X"}, **options)
    missing = await refused(writer, Author, 12345, {"name": "X"}, **options)
    assert outside == missing
    assert outside.status == 404
    assert (await refused(writer, Author, 10**30, {"name": "X"})).status == 404


async def test_a_row_cannot_be_moved_out_of_the_scope(writer: Writer) -> None:
    """Another tenant is refused by name; other criteria are verified after the change."""
    author = await made(writer, Author, name="Ann", rating=9)
    problem = await refused(writer, Author, author.id, AuthorChange(tenant_id=2), scope=TENANT)
    assert (problem.code, problem.extensions) == ("outside-scope", {"fields": ["tenant_id"]})
    scope = RowScope(or_(Author.rating > 7, Author.tenant_id == 2))
    problem = await refused(writer, Author, author.id, {"rating": 1}, scope=scope)
    assert (problem.code, len(writer.statements)) == ("outside-scope", 3)
    assert writer.database.query("SELECT rating FROM library_author") == [(9,)]
    await changed(writer, Author, author.id, {"name": "Anna"}, scope=scope)
    assert len(writer.statements) == 2


async def test_null_where_the_column_takes_none(writer: Writer) -> None:
    """A null for a column that needs a value is a 422 that names it, and no UPDATE is sent."""
    author = await made(writer, Author, name="Ann")
    problem = await refused(writer, Author, author.id, AuthorChange(name=None))
    assert (problem.status, problem.extensions) == (422, {"fields": ["name"]})
    assert len(writer.statements) == 1


async def test_a_foreign_key_cannot_be_pointed_outside(writer: Writer) -> None:
    """A foreign key that changes is looked up in the scope; one that stays is not."""
    mine = await made(writer, Author, name="Ann")
    other = await made(writer, Author, name="Eve", tenant_id=2)
    book = await made(writer, Book, title="T", author_id=mine.id)
    outside = await refused(writer, Book, book.id, BookChange(author_id=other.id), scope=TENANT)
    missing = await refused(writer, Book, book.id, BookChange(author_id=12345), scope=TENANT)
    assert outside == missing
    assert (outside.code, outside.extensions["fields"]) == ("foreign-key-violation", ["author_id"])
    await changed(writer, Book, book.id, BookChange(title="U", author_id=mine.id), scope=TENANT)
    assert len(writer.statements) == 2


async def test_the_condition_is_compared_with_the_row(writer: Writer) -> None:
    """An If-Match of another version is a 412 and changes nothing; the row's own passes."""
    author = await made(writer, Author, name="Ann")
    for old in ('"7"', 'W/"1"'):
        condition = Precondition.from_headers(old, None)
        problem = await refused(writer, Author, author.id, {"name": "X"}, precondition=condition)
        assert (problem.code, problem.status) == ("precondition-failed", 412)
        assert len(writer.statements) == 1
    condition = Precondition.from_headers(f'"7", {etag_of(author)}', None)
    answer = await changed(writer, Author, author.id, {"name": "X"}, precondition=condition)
    assert etag_of(answer) == '"2"'


async def test_a_natural_key_finds_the_row(writer: Writer) -> None:
    """A row is found by declared attributes in place of its primary key."""
    author = await made(writer, Author, name="Ann", email="ann@example.org")
    answer = await changed(
        writer, Author, "ann@example.org", {"name": "Anna"}, key_attributes=[Author.email]
    )
    assert (answer.id, answer.name, len(writer.statements)) == (author.id, "Anna", 2)


async def test_a_hook_is_called_without_further_statements(writer: Writer) -> None:
    """A service's `to_model_on_update` sees what was sent, and what it adds is written."""

    def plain(self: Any, data: Any) -> Any:
        return {**data, "name": "/".join(data)}

    async def awaited(self: Any, data: Any) -> Any:
        return plain(self, data)

    author = await made(writer, Author, name="Ann")
    members = {"to_model_on_update": awaited if writer.is_async else plain}
    answer = await writer.run(
        Author, lambda s: update_row(s, author.id, {"rating": 4}), members=members
    )
    assert (answer.name, answer.rating, len(writer.statements)) == ("rating", 4, 2)


async def test_a_hook_may_give_a_row_or_a_schema(writer: Writer) -> None:
    """Of what a hook returns, an instance of the model or of a schema, what is set is written."""
    author = await made(writer, Author, name="Ann", rating=3)
    for returned in (Author(name="Bob"), AuthorChange(name="Bob")):

        def plain(self: Any, data: Any, returned: Any = returned) -> Any:
            return returned

        async def awaited(self: Any, data: Any, returned: Any = returned) -> Any:
            return returned

        members = {"to_model_on_update": awaited if writer.is_async else plain}
        answer = await writer.run(
            Author, lambda s: update_row(s, author.id, {"rating": 4}), members=members
        )
        assert (answer.name, answer.rating, answer.version) == ("Bob", 3, 2)


@pytest.mark.parametrize("model", [Author, Country])
async def test_an_overridden_update_is_called(writer: Writer, model: type[Any]) -> None:
    """A service that has an `update` of its own is asked to do it, whatever the key is called."""
    values = {"name": "Ann"} if model is Author else {"name": "Ann", "code": "de"}
    row = await made(writer, model, **values)
    key = row.id if model is Author else row.code
    answer = await writer.run(
        model,
        lambda s: update_row(s, key, {"name": "Bob"}),
        members={"update": _shouting(is_async=writer.is_async)},
    )
    assert answer.name == "BOB"


def _shouting(*, is_async: bool) -> Any:
    async def awaited(self: Any, data: Any, item_id: Any = None, **options: Any) -> Any:
        shouted = {**data, "name": data["name"].upper()}
        return await super(type(self), self).update(shouted, item_id, **options)

    def plain(self: Any, data: Any, item_id: Any = None, **options: Any) -> Any:
        shouted = {**data, "name": data["name"].upper()}
        return super(type(self), self).update(shouted, item_id, **options)

    return awaited if is_async else plain


async def test_what_the_answer_shows_besides_is_read(writer: Writer) -> None:
    """Relations of the answer cost their own statements, after the change."""
    author = await made(writer, Author, name="Ann")
    await made(writer, Book, title="T", author_id=author.id)
    reload = Reload(
        options=(selectinload(Author.books),), is_complete=lambda row: "books" in vars(row)
    )
    answer = await changed(writer, Author, author.id, {"name": "Anna"}, reload=reload)
    assert [book.title for book in answer.books] == ["T"]
    assert (answer.name, len(writer.statements)) == ("Anna", 4)


async def test_pending_changes_are_kept(writer: Writer) -> None:
    """What the request has changed of the row before is not undone by reading it again."""
    author = await made(writer, Author, name="Ann")

    def work(service: Any) -> Any:
        session: Any = service.repository.session
        sync: Session = getattr(session, "sync_session", session)
        stale = sync.scalars(select(Author)).one()
        stale.rating = 5
        with sync.no_autoflush:
            return update_row(service, author.id, {"name": "Anna"})

    answer = await writer.run(Author, work)
    assert (answer.name, answer.rating) == ("Anna", 5)
