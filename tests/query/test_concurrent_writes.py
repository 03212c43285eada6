"""Many requests that write one row at once."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy.orm import Session

from holdfast.query.create import create_row
from holdfast.query.delete import delete_row
from holdfast.query.preconditions import Precondition
from holdfast.query.update import update_row
from holdfast.transaction.failure import is_conflict, problem_for
from tests.library import Author, Base
from tests.query.writers import DRIVERS, Writer, opened, service_class

MANY = 100
CONDITION = Precondition.from_headers('"1"', None)


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request) as writer:
        yield writer


@pytest.fixture
async def author(tables: Writer) -> Author:
    await tables.empty(Base.metadata)
    return await tables.run(Author, lambda s: create_row(s, {"name": "Ann", "rating": 0}))


async def repeated(writer: Writer, work: Callable[[Any], Any]) -> str:
    """Do it as a request is, again where it met a concurrent change; return its outcome."""
    while True:
        try:
            await writer.run(Author, work)
        except Exception as error:
            if is_conflict(error):
                continue
            problem = problem_for(error)
            if problem is None:
                raise
            return problem.code
        return "done"


async def at_once(writer: Writer, works: Sequence[Callable[[Any], Any]]) -> Counter[str]:
    outcomes: list[str] = []

    async def one(work: Callable[[Any], Any]) -> None:
        outcomes.append(await repeated(writer, work))

    if not writer.is_async:
        return await anyio.to_thread.run_sync(in_threads, writer, works)
    async with anyio.create_task_group() as group:
        for work in works:
            group.start_soon(one, work)
    return Counter(outcomes)


def in_threads(writer: Writer, works: Sequence[Callable[[Any], Any]]) -> Counter[str]:
    cls = service_class(Author, {}, is_async=False)

    def one(work: Callable[[Any], Any]) -> str:
        while True:
            try:
                with Session(writer.sync_engine) as session:
                    work(cls(session=session))
                    session.commit()
            except Exception as error:
                if is_conflict(error):
                    continue
                problem = problem_for(error)
                if problem is None:
                    raise
                return problem.code
            return "done"

    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(one, works))


async def test_one_of_many_changes_of_a_version_succeeds(tables: Writer, author: Author) -> None:
    """Of a hundred changes that name the same version exactly one is made."""
    works = [
        partial(update_row, key=author.id, data={"rating": number}, precondition=CONDITION)
        for number in range(1, MANY + 1)
    ]
    outcomes = await at_once(tables, works)
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "precondition-failed", "stale-record"}
    assert sum(outcomes.values()) == MANY
    assert tables.database.query("SELECT version FROM library_author") == [(2,)]


async def test_a_deletion_and_changes_of_a_version(tables: Writer, author: Author) -> None:
    """Of many changes and deletions of one version, one succeeds and the others change nothing."""
    change = partial(update_row, key=author.id, data={"rating": 1}, precondition=CONDITION)
    delete = partial(delete_row, key=author.id, precondition=CONDITION)
    outcomes = await at_once(tables, [change, delete] * 10)
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "precondition-failed", "stale-record", "not-found"}


async def test_changes_without_a_condition_are_all_made(tables: Writer, author: Author) -> None:
    """Changes that name no version wait for one another, and none is lost."""
    works = [partial(update_row, key=author.id, data={"rating": number}) for number in range(1, 21)]
    outcomes = await at_once(tables, works)
    assert outcomes == {"done": 20}
    assert tables.database.query("SELECT version FROM library_author") == [(21,)]
