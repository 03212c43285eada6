"""Creating many rows on real engines."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import or_

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemError
from holdfast.query.bulk import check_bulk, check_size
from holdfast.query.bulk_create import create_rows
from holdfast.query.scope import EVERY_ROW, RowScope
from tests.library import Author, Base, Book
from tests.query.explanation import explain
from tests.query.writers import DRIVERS, Writer, opened, service_class

TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])


class NewAuthor(BaseModel):
    name: str | None
    email: str | None = None
    rating: int | None = 5
    tenant_id: int | None = None


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(Base.metadata)
    return tables


async def create(
    writer: Writer, items: list[Any], model: type[Any] = Author, **options: Any
) -> list[Any]:
    scope = options.get("scope", EVERY_ROW)
    return await writer.run(
        model,
        lambda service: create_rows(service, items, explain=explain, scope=scope),
        members=options.get("members"),
    )


async def refused(writer: Writer, items: list[Any], *args: Any, **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await create(writer, items, *args, **options)
    return refusal.value.problem


def names(writer: Writer) -> list[str]:
    return [name for (name,) in writer.database.query("SELECT name FROM library_author ORDER BY 1")]


async def test_many_rows_are_two_statements(writer: Writer) -> None:
    """Fifty rows are inserted by one statement and read by another, in the order of the items.

    SQLite does not say in which order it generates keys, so SQLAlchemy inserts row by row there.
    """
    items = [NewAuthor(name=f"n{49 - n:02}") for n in range(50)]
    created = await create(writer, items, scope=TENANT)
    assert [author.name for author in created] == [item.name for item in items]
    assert {(author.rating, author.tenant_id, author.version) for author in created} == {(5, 1, 1)}
    told = [sql for sql in writer.statements if "SAVEPOINT" not in sql]
    assert len(told) == (51 if writer.database.server is None else 2)
    assert names(writer) == sorted(item.name or "" for item in items)


async def test_no_rows_are_no_failure(writer: Writer) -> None:
    """An empty list creates nothing."""
    assert await create(writer, []) == []


async def test_a_failing_item_leaves_nothing(writer: Writer) -> None:
    """Every item that fails is told by its index, also one that meets another; none is stored."""
    await create(writer, [NewAuthor(name="there", email="taken")])
    items = [
        NewAuthor(name="fine", email="a"),
        NewAuthor(name="meets the row", email="taken"),
        NewAuthor(name=None),
        NewAuthor(name="fine too", email="b"),
        NewAuthor(name="meets the first", email="a"),
    ]
    problem = await refused(writer, items, scope=TENANT)
    assert (problem.code, problem.status) == ("bulk-failed", 422)
    errors = problem.extensions["errors"]
    assert [(e["index"], e["status"], e["type"].split(":")[-1], e["fields"]) for e in errors] == [
        (1, 409, "unique-violation", ["email"]),
        (2, 422, "not-null-violation", ["name"]),
        (4, 409, "unique-violation", ["email"]),
    ]
    assert names(writer) == ["there"]


async def test_one_kind_of_failure_gives_its_status(writer: Writer) -> None:
    """Where all failures have one status, the answer has it as well."""
    problem = await refused(writer, [NewAuthor(name="a", email="e")] * 2)
    assert (problem.status, [e["index"] for e in problem.extensions["errors"]]) == (409, [1])


async def test_what_was_done_before_stays(writer: Writer) -> None:
    """A failure undoes the items alone, for a handler that goes on."""

    def work(service: Any) -> None:
        create_rows(service, [NewAuthor(name="before")], explain=explain)
        with pytest.raises(ProblemError):
            create_rows(service, [NewAuthor(name="x"), NewAuthor(name=None)], explain=explain)

    await writer.run(Author, work)
    assert names(writer) == ["before"]


async def test_every_item_keeps_to_the_scope(writer: Writer) -> None:
    """Values, criteria and foreign keys of each item are held against the scope."""
    problem = await refused(
        writer, [NewAuthor(name="a"), NewAuthor(name="b", tenant_id=2)], scope=TENANT
    )
    assert [e["index"] for e in problem.extensions["errors"]] == [1]
    scope = RowScope(or_(Author.tenant_id == 1, Author.name == "open"))
    items = [{"name": "open", "tenant_id": 2}, {"name": "closed", "tenant_id": 2}]
    problem = await refused(writer, items, scope=scope)
    assert [e["index"] for e in problem.extensions["errors"]] == [1]
    assert names(writer) == []
    mine, theirs = await create(
        writer, [{"name": "m", "tenant_id": 1}, {"name": "t", "tenant_id": 2}]
    )
    books = [{"title": "b", "author_id": author.id} for author in (mine, theirs, mine)]
    problem = await refused(writer, books, Book, scope=TENANT)
    (error,) = problem.extensions["errors"]
    assert (error["index"], error["status"], error["fields"]) == (1, 409, ["author_id"])
    assert len(await create(writer, books[:1] * 3, Book, scope=TENANT)) == 3
    reads = [sql for sql in writer.statements if sql.startswith("SELECT")]
    assert len(reads) == 2


async def test_a_service_that_creates_is_asked_for_each(writer: Writer) -> None:
    """An overridden `create` runs for every item, and an overridden `create_many` for all."""
    calls: list[Any] = []

    def own(name: str) -> dict[str, Any]:
        cls = service_class(Author, {}, is_async=writer.is_async)
        inherited = getattr(cls, name)

        async def call_async(self: Any, data: Any, **options: Any) -> Any:
            calls.append(data)
            return await inherited(self, data, **options)

        def call(self: Any, data: Any, **options: Any) -> Any:
            calls.append(data)
            return inherited(self, data, **options)

        return {name: call_async if writer.is_async else call}

    items = [NewAuthor(name="a"), NewAuthor(name="b")]
    await create(writer, items, members=own("create"))
    assert [data["name"] for data in calls] == ["a", "b"]
    calls.clear()
    await create(writer, items, members=own("create_many"))
    assert [[row["name"] for row in data] for data in calls] == [["a", "b"]]


async def test_an_error_that_is_no_items_is_raised(writer: Writer) -> None:
    """What the client cannot help is not told as a failure of an item."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await create(writer, [NewAuthor(name="a")], members={"create": broken})


def test_a_list_has_a_cap() -> None:
    """A list above the cap is a 422; one as long as it passes."""
    check_size([1, 2], 2)
    with pytest.raises(ProblemError) as refusal:
        check_size([1, 2, 3], 2)
    assert refusal.value.problem.code == "too-many-items"


@pytest.mark.parametrize("name", ["update_many", "delete_many"])
def test_methods_that_would_not_be_called_are_refused(name: str) -> None:
    """A service with methods of its own for many rows has no generated bulk routes."""
    check_bulk(service_class(Author, {"create_many": print}, is_async=True))
    with pytest.raises(ConfigurationError, match=f"Override `{name[:6]}`"):
        check_bulk(service_class(Author, {name: print}, is_async=True))
