"""Creating one row."""

from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError

from holdfast.problems import Problem, ProblemError
from holdfast.query.create import create_row
from holdfast.query.scope import SOFT_DELETE, RowScope
from tests.library import Author, Base, Book, Country
from tests.query.writers import DRIVERS, Writer, opened

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])


class NewAuthor(BaseModel):
    name: str | None
    email: str | None = None
    rating: int | None = 5
    born: date | None = None
    tenant_id: int | None = None
    country_code: str | None = None


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(Base.metadata)
    return tables


async def refused(writer: Writer, model: type[Any], data: Any, **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await writer.run(model, lambda service: create_row(service, data, **options))
    return refusal.value.problem


async def test_a_plain_row_is_one_statement(writer: Writer) -> None:
    """A row without scoped foreign keys is one INSERT, and the answer has what it gave back."""
    author = await writer.run(
        Author, lambda service: create_row(service, NewAuthor(name="Ann"), scope=TENANT)
    )
    assert len(writer.statements) == 1
    assert (author.name, author.rating, author.tenant_id, author.version) == ("Ann", 5, 1, 1)
    assert writer.database.query("SELECT id, rating FROM library_author") == [(author.id, 5)]


async def test_the_scope_fixes_values(writer: Writer) -> None:
    """A value that differs from what the scope fixes is a 422 that names it; the same is fine."""
    problem = await refused(writer, Author, NewAuthor(name="Ann", tenant_id=2), scope=TENANT)
    assert (problem.code, problem.status) == ("outside-scope", 422)
    assert problem.extensions["fields"] == ["tenant_id"]
    assert writer.statements == []
    await writer.run(
        Author, lambda s: create_row(s, NewAuthor(name="Ann", tenant_id=1), scope=TENANT)
    )


async def test_a_scope_of_other_criteria_is_checked_on_the_row(writer: Writer) -> None:
    """What no value fixes is verified with one SELECT, and a row outside is not there."""
    scope = RowScope(or_(Author.tenant_id == 1, Author.rating > 7))
    inside = {"name": "Ann", "tenant_id": 2, "rating": 9}
    await writer.run(Author, lambda service: create_row(service, inside, scope=scope))
    assert len(writer.statements) == 2
    outside = {"name": "Bob", "tenant_id": 2, "rating": 1}
    problem = await refused(writer, Author, outside, scope=scope)
    assert (problem.code, problem.extensions) == ("outside-scope", {})
    assert writer.database.query("SELECT name FROM library_author") == [("Ann",)]


async def test_null_where_the_column_takes_none(writer: Writer) -> None:
    """A null for a column that needs a value is a 422 that names it, before any SQL."""
    problem = await refused(writer, Author, NewAuthor(name=None))
    assert (problem.code, problem.extensions["fields"]) == ("not-null-violation", ["name"])
    assert writer.statements == []


async def test_a_foreign_key_to_a_row_outside_is_as_to_no_row(writer: Writer) -> None:
    """A row of another tenant and one that does not exist are refused alike."""
    foreign = await writer.run(Author, lambda s: create_row(s, {"name": "Eve", "tenant_id": 2}))
    mine = await writer.run(Author, lambda s: create_row(s, {"name": "Ann", "tenant_id": 1}))
    outside = await refused(writer, Book, {"title": "T", "author_id": foreign.id}, scope=TENANT)
    missing = await refused(writer, Book, {"title": "T", "author_id": 12345}, scope=TENANT)
    assert outside == missing
    assert (outside.status, outside.extensions) == (409, {"fields": ["author_id"]})
    await writer.run(
        Book, lambda s: create_row(s, {"title": "T", "author_id": mine.id}, scope=TENANT)
    )
    assert len(writer.statements) == 2


async def test_a_foreign_key_to_a_deleted_row_is_refused(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A soft-deleted row cannot be referred to."""
    monkeypatch.setitem(Author.__table__.c.deleted_at.info, SOFT_DELETE, True)
    gone = {"name": "Eve", "deleted_at": NOW}
    author = await writer.run(Author, lambda s: create_row(s, gone))
    problem = await refused(writer, Book, {"title": "T", "author_id": author.id})
    assert problem.code == "foreign-key-violation"


async def test_hooks_and_overridden_methods_are_called(writer: Writer) -> None:
    """A service's own hook sees the values, and what it makes of them is written."""

    async def awaited(self: Any, data: Any) -> Any:
        return {**data, "name": data["name"].upper()}

    def plain(self: Any, data: Any) -> Any:
        return {**data, "name": data["name"].upper()}

    hook = {"to_model_on_create": awaited if writer.is_async else plain}
    author = await writer.run(
        Author, lambda s: create_row(s, {"name": "ann"}, scope=TENANT), members=hook
    )
    assert (author.name, author.tenant_id) == ("ANN", 1)


async def test_a_hook_cannot_leave_the_scope(writer: Writer) -> None:
    """A row that a hook moves to another tenant is refused, and not there."""

    async def awaited(self: Any, data: Any) -> Any:
        return {**data, "tenant_id": 2}

    def plain(self: Any, data: Any) -> Any:
        return {**data, "tenant_id": 2}

    hook = {"to_model_on_create": awaited if writer.is_async else plain}
    with pytest.raises(ProblemError) as refusal:
        await writer.run(
            Author, lambda s: create_row(s, {"name": "ann"}, scope=TENANT), members=hook
        )
    assert refusal.value.problem.extensions == {"fields": ["tenant_id"]}
    assert writer.database.query("SELECT name FROM library_author") == []


async def test_errors_are_the_services(writer: Writer) -> None:
    """A unique value that is taken is what the service raises, with the database's error in it."""
    await writer.run(Country, lambda s: create_row(s, {"code": "de", "name": "Germany"}))
    with pytest.raises(Exception) as error:  # noqa: PT011 - upstream's classes vary by engine
        await writer.run(Country, lambda s: create_row(s, {"code": "at", "name": "Germany"}))
    assert isinstance(error.value.__cause__, IntegrityError)
