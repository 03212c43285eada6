"""Changing many rows on real engines."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from advanced_alchemy.exceptions import RepositoryError
from sqlalchemy import or_, select, text
from sqlalchemy.orm.exc import StaleDataError

from holdfast.problems import Problem, ProblemError
from holdfast.query.bulk_create import create_rows
from holdfast.query.bulk_update import RowChange, update_rows
from holdfast.query.preconditions import Precondition
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import session_of
from holdfast.query.update_together import apply_together
from tests.library import Author, Base, Book
from tests.query.explanation import explain
from tests.query.writers import DRIVERS, Writer, opened

TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])
FIRST = Precondition.from_headers('"1"', None)


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    """Give a database with five authors, the last of another tenant."""
    await tables.empty(Base.metadata)
    authors = [
        {"id": n, "name": f"n{n}", "email": f"e{n}", "tenant_id": 2 if n == 5 else 1}
        for n in range(1, 6)
    ]
    await tables.run(Author, lambda service: create_rows(service, authors, explain=explain))
    return tables


async def update(
    writer: Writer, changes: list[RowChange], model: type[Any] = Author, **options: Any
) -> list[Any]:
    members = options.pop("members", None)
    return await writer.run(
        model,
        lambda service: update_rows(service, changes, explain=explain, **options),
        members=members,
    )


async def refused(writer: Writer, changes: list[RowChange], **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await update(writer, changes, **options)
    return refusal.value.problem


def rows(writer: Writer) -> list[tuple[Any, ...]]:
    found = writer.database.query("SELECT id, name, version FROM library_author ORDER BY id")
    return [tuple(row) for row in found]


UNTOUCHED = [(n, f"n{n}", 1) for n in range(1, 6)]


async def test_many_rows_are_few_statements(writer: Writer) -> None:
    """Four rows are read, changed and read again by a statement each, in the order of changes."""
    changes = [RowChange(n, {"name": f"new{n}"}, FIRST) for n in (3, 1, 4, 2)]
    changed = await update(writer, changes, scope=TENANT)
    assert [(author.id, author.name) for author in changed] == [
        (n, f"new{n}") for n in (3, 1, 4, 2)
    ]
    told = [sql for sql in writer.statements if "SAVEPOINT" not in sql]
    assert len(told) == 3
    assert rows(writer) == [*((n, f"new{n}", 2) for n in range(1, 5)), (5, "n5", 1)]


async def test_a_failing_change_leaves_nothing(writer: Writer) -> None:
    """Each change that fails is told by its index, whatever the reason; none is made."""
    changes = [
        RowChange(1, {"name": "fine"}),
        RowChange(5, {"name": "of another tenant"}),
        RowChange(9, {"name": "missing"}),
        RowChange(2, {"name": "outdated"}, Precondition.from_headers('"7"', None)),
        RowChange(3, {"email": "e4"}),
        RowChange(4, {"name": None}),
        RowChange(1, {"name": "once more"}),
        RowChange(2**70, {"name": "no such number"}),
    ]
    problem = await refused(writer, changes, scope=TENANT)
    assert (problem.code, problem.status) == ("bulk-failed", 422)
    told = [
        (error["index"], error["status"], error["type"].split(":")[-1])
        for error in problem.extensions["errors"]
    ]
    assert told == [
        (1, 404, "not-found"),
        (2, 404, "not-found"),
        (3, 412, "precondition-failed"),
        (4, 409, "unique-violation"),
        (5, 422, "not-null-violation"),
        (6, 422, "duplicate-item"),
        (7, 404, "not-found"),
    ]
    problem = await refused(writer, [RowChange(4, {"tenant_id": 2})], scope=TENANT)
    assert problem.extensions["errors"][0]["fields"] == ["tenant_id"]
    assert rows(writer) == UNTOUCHED


@pytest.mark.parametrize(
    ("keys", "failing"), [((1, 5), (1, 404)), ((1, 9), (1, 404)), ((1, 2, 1), (2, 422))]
)
async def test_a_single_wrong_key_is_told(
    writer: Writer, keys: tuple[int, ...], failing: tuple[int, int]
) -> None:
    """A row of another tenant, a missing one and one named twice fail by themselves."""
    problem = await refused(writer, [RowChange(n, {"name": "x"}) for n in keys], scope=TENANT)
    assert [(e["index"], e["status"]) for e in problem.extensions["errors"]] == [failing]
    assert rows(writer) == UNTOUCHED


async def test_a_row_cannot_leave_the_scope(writer: Writer) -> None:
    """Criteria that no value fixes are checked on all rows after the change."""
    scope = RowScope(or_(Author.tenant_id == 1, Author.name == "open"))
    changes = [RowChange(1, {"name": "x"}), RowChange(2, {"tenant_id": 2, "name": "closed"})]
    problem = await refused(writer, changes, scope=scope)
    assert [error["index"] for error in problem.extensions["errors"]] == [1]
    assert rows(writer) == UNTOUCHED
    changes = [RowChange(1, {"name": "x"}), RowChange(2, {"tenant_id": 2, "name": "open"})]
    assert len(await update(writer, changes, scope=scope)) == 2


async def test_foreign_keys_keep_to_the_scope(writer: Writer) -> None:
    """A book cannot be given to an author of another tenant, and is left alone if it is not."""
    books = [{"id": n, "title": f"b{n}", "author_id": n} for n in (1, 2, 5)]
    await writer.run(Book, lambda service: create_rows(service, books, explain=explain))
    changes = [RowChange(1, {"author_id": 2}), RowChange(2, {"author_id": 5})]
    problem = await refused(writer, changes, model=Book, scope=TENANT)
    assert [(e["index"], e["fields"]) for e in problem.extensions["errors"]] == [(1, ["author_id"])]
    # That of the third stays what it was.
    changes = [RowChange(1, {"author_id": 2}), RowChange(5, {"title": "x", "author_id": 5})]
    assert len(await update(writer, changes, model=Book, scope=TENANT)) == 2


async def test_a_row_that_changed_meanwhile_is_noticed(writer: Writer) -> None:
    """A version that is no longer the one that was read is an error, as the mapper has it."""

    def work(service: Any) -> None:
        session = session_of(service)
        author = session.scalars(select(Author).where(Author.id == 1)).one()
        session.execute(text("UPDATE library_author SET version = 9"))
        apply_together(service, session, [(author, {"name": "x"})])

    with pytest.raises(RepositoryError) as raised:
        await writer.run(Author, work)
    assert isinstance(raised.value.__cause__, StaleDataError)
    assert rows(writer) == UNTOUCHED


async def test_a_service_that_updates_is_asked_for_each(writer: Writer) -> None:
    """A hook for changes runs for every row."""

    def on_update(_: Any, data: Any) -> Any:
        return {**data, "name": data["name"].upper()}

    async def on_update_async(_: Any, data: Any) -> Any:
        return on_update(_, data)

    members = {"to_model_on_update": on_update_async if writer.is_async else on_update}
    changes = [RowChange(1, {"name": "a"}), RowChange(2, {"name": "b"})]
    assert [a.name for a in await update(writer, changes, members=members)] == ["A", "B"]


async def test_a_natural_key_finds_the_rows(writer: Writer) -> None:
    """Rows are found by the attributes of a natural key as well."""
    changes = [RowChange("e2", {"name": "x"}), RowChange("e1", {"name": "y"})]
    await update(writer, changes, key_attributes=[Author.email], scope=EVERY_ROW)
    assert rows(writer)[:2] == [(1, "y", 2), (2, "x", 2)]


async def test_concurrent_changes_of_the_same_rows_end(writer: Writer) -> None:
    """Requests for the same rows in opposite orders lock them in one order, and all succeed."""
    if not writer.is_async or writer.database.server is None:
        pytest.skip("no row locks, or one after another")
    orders = [[1, 2, 3, 4], [4, 3, 2, 1]] * 10
    await asyncio.gather(
        *(
            update(writer, [RowChange(n, {"name": f"r{i}"}) for n in order])
            for i, order in enumerate(orders)
        )
    )
    assert {version for _, _, version in rows(writer)[:4]} == {21}
