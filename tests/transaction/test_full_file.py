"""A SQLite file that takes no changes: it may grow no further, or not be written at all."""

from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item
from tests.transaction.test_commit_failures import assert_problem

PAGES = 100


def add_until_refused(session: Session, pragma: str) -> None:
    """Write more than a file has room for."""
    session.execute(text("SELECT 1"))
    session.execute(text(pragma))
    session.add_all(Item(name=f"new {number}" + "x" * 1000) for number in range(PAGES * 4))
    session.flush()


@pytest.mark.parametrize("store", ["aiosqlite", "pysqlite"], indirect=True)
@pytest.mark.parametrize(
    ("pragma", "undo"),
    [
        (f"PRAGMA max_page_count = {PAGES}", "PRAGMA max_page_count = 1073741823"),
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    ],
    ids=["full", "read-only"],
)
async def test_a_file_that_takes_no_changes_is_unavailable(
    rig: Rig, pragma: str, undo: str
) -> None:
    """The client is told to come back, not that the service is broken; once it can, it works."""

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, partial(add_until_refused, pragma=pragma))

    @rig.app.post("/mended", status_code=201)
    async def mend(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.execute(text(undo)))
        await on_session(session, lambda one: one.add(Item(name="later")))

    recording = await rig.call()
    assert_problem(recording, 503, "database-unavailable")
    assert recording.headers["retry-after"] == "1"
    assert rig.store.names == set()
    assert (await rig.call("/mended")).status == 201
    assert rig.store.names == {"later"}
