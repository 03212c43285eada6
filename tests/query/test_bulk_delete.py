"""Deleting many rows on real engines."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from holdfast.problems import Problem, ProblemError
from holdfast.query.bulk_create import create_rows
from holdfast.query.bulk_delete import RowKey, delete_rows
from holdfast.query.preconditions import Precondition
from holdfast.query.scope import SOFT_DELETE, RowScope
from tests.library import Author, Base, Book, Country
from tests.query.explanation import explain
from tests.query.writers import DRIVERS, Writer, opened

TENANT = RowScope([Author.tenant_id == 1, Book.tenant_id == 1])


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    """Give a database with five authors who have two books each, the last of another tenant."""
    await tables.empty(Base.metadata)
    authors = [{"id": n, "name": f"n{n}", "tenant_id": 2 if n == 5 else 1} for n in range(1, 6)]
    books = [{"title": "b", "author_id": n} for n in range(1, 6)] * 2
    await tables.run(Author, lambda service: create_rows(service, authors, explain=explain))
    await tables.run(Book, lambda service: create_rows(service, books, explain=explain))
    return tables


@pytest.fixture
def soft_delete() -> Generator[None]:
    """Mark authors as deleted instead of deleting them."""
    info = Author.__table__.c.deleted_at.info
    info[SOFT_DELETE] = True
    yield
    del info[SOFT_DELETE]


async def remove(writer: Writer, rows: list[RowKey], model: type[Any] = Author) -> None:
    await writer.run(
        model, lambda service: delete_rows(service, rows, explain=explain, scope=TENANT)
    )


async def refused(writer: Writer, rows: list[RowKey], model: type[Any] = Author) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await remove(writer, rows, model)
    return refusal.value.problem


def left(writer: Writer, where: str = "1 = 1") -> list[int]:
    found = writer.database.query(f"SELECT id FROM library_author WHERE {where} ORDER BY id")
    return [number for (number,) in found]


async def test_many_rows_are_few_statements(writer: Writer) -> None:
    """Three authors and their books are read and deleted by statements for all of them."""
    await remove(writer, [RowKey(n) for n in (3, 1, 2)])
    assert left(writer) == [4, 5]
    assert writer.database.query("SELECT count(*) FROM library_book") == [(4,)]
    told = [sql for sql in writer.statements if "SAVEPOINT" not in sql]
    # Rows with a version are deleted one by one where the driver cannot count them together.
    expected = 3 if writer.database.backend == "asyncpg" else 1
    assert len([sql for sql in told if sql.startswith("DELETE FROM library_author ")]) == expected
    assert len([sql for sql in told if sql.startswith("DELETE FROM library_book ")]) == 1


async def test_a_failing_row_leaves_all(writer: Writer) -> None:
    """Each row that cannot be deleted is told by its index, and none is deleted."""
    rows = [
        RowKey(1),
        RowKey(5),
        RowKey(9),
        RowKey(1),
        RowKey(2, Precondition.from_headers('"7"', None)),
    ]
    problem = await refused(writer, rows)
    told = [(error["index"], error["status"]) for error in problem.extensions["errors"]]
    assert told == [(1, 404), (2, 404), (3, 404), (4, 412)]
    assert left(writer) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("keys", [(1, 5), (1, 9), (1, 1)])
async def test_a_single_wrong_key_is_told(writer: Writer, keys: tuple[int, int]) -> None:
    """A row of another tenant, a missing one and one named twice fail by themselves."""
    problem = await refused(writer, [RowKey(n) for n in keys])
    assert [(e["index"], e["status"]) for e in problem.extensions["errors"]] == [(1, 404)]
    assert left(writer) == [1, 2, 3, 4, 5]


async def test_a_row_that_is_referred_to_is_told(writer: Writer) -> None:
    """A foreign key that keeps a row is the failure of that row."""
    await writer.run(
        Country,
        lambda service: create_rows(
            service, [{"code": "at", "name": "A"}, {"code": "de", "name": "D"}], explain=explain
        ),
    )
    writer.database.query("UPDATE library_author SET country_code = 'de' WHERE id = 1")
    problem = await refused(writer, [RowKey("at"), RowKey("de")], Country)
    assert problem.status == 409
    assert [error["index"] for error in problem.extensions["errors"]] == [1]
    assert writer.database.query("SELECT count(*) FROM library_country") == [(2,)]


@pytest.mark.usefixtures("soft_delete")
async def test_rows_are_marked(writer: Writer) -> None:
    """Rows with a mark of deletion get it by one UPDATE, and are then not there."""
    await remove(writer, [RowKey(1), RowKey(2)])
    told = [sql for sql in writer.statements if "SAVEPOINT" not in sql]
    assert len(told) == 2
    assert left(writer) == [1, 2, 3, 4, 5]
    assert left(writer, "deleted_at IS NULL") == [3, 4, 5]
    assert (await refused(writer, [RowKey(1)])).status == 404


async def test_a_service_that_deletes_is_asked_for_each(writer: Writer) -> None:
    """An overridden `delete` runs for every row."""
    calls: list[Any] = []

    def own(_: Any, item_id: Any, **__: Any) -> None:
        calls.append(item_id)

    async def own_async(_: Any, item_id: Any, **__: Any) -> None:
        calls.append(item_id)

    await writer.run(
        Author,
        lambda service: delete_rows(service, [RowKey(1), RowKey(2)], explain=explain),
        members={"delete": own_async if writer.is_async else own},
    )
    assert calls == [1, 2]
