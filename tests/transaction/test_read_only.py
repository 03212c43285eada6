"""Late reads run in transactions in which the database itself refuses to write."""

from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends
from sqlalchemy import Executable, event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item

FUNCTION = """
CREATE OR REPLACE FUNCTION write_late() RETURNS int LANGUAGE sql AS
$$ INSERT INTO item (id, name) VALUES (5000, 'late'); SELECT 1 $$
"""
MARIADB_FUNCTION = """
CREATE OR REPLACE FUNCTION write_late() RETURNS int
BEGIN INSERT INTO item (id, name) VALUES (5000, 'late'); RETURN 1; END
"""


def execute(statement: Executable, session: Session) -> None:
    """Execute a statement."""
    session.execute(statement)


def serve(rig: Rig, late: Any) -> None:
    """Give the application a route that reads in a background task, and one that writes."""

    @rig.app.post("/late")
    async def with_task(
        session: Annotated[Any, Depends(rig.alchemy.provide_session())], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(late, session)

    @rig.app.post("/write", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))


@pytest.mark.parametrize("store", ["asyncpg", "psycopg", "psycopg-sync", "asyncmy"], indirect=True)
async def test_a_write_hidden_in_a_function_is_refused(rig: Rig) -> None:
    """No parser sees it; the read-only transaction does, and the connection is clean after it."""
    rig.store.database.query(MARIADB_FUNCTION if rig.store.database.is_mariadb else FUNCTION)
    refused: list[str] = []

    async def late(session: Any) -> None:
        for statement in (select(func.write_late()), text("SELECT write_late()")):
            with pytest.raises(DBAPIError) as caught:
                await on_session(session, partial(execute, statement))
            refused.append(str(caught.value))
            assert rig.store.checked_out == 0

    serve(rig, late)
    assert (await rig.call("/late")).error is None
    assert len(refused) == 2
    assert all(
        "read-only transaction" in told.lower().replace(" only ", "-only ") for told in refused
    )
    assert rig.store.names == set()


@pytest.mark.parametrize("store", ["aiosqlite", "pysqlite"], indirect=True)
async def test_a_write_hidden_from_the_parser_is_refused_by_sqlite(rig: Rig) -> None:
    """`query_only` stands behind the parser."""

    @event.listens_for(rig.store.sync_engine, "before_cursor_execute", retval=True)
    def rewrite(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> Any:
        hidden = "INSERT INTO item (id, name) VALUES (5000, 'late')"
        return (hidden if "hidden" in statement else statement), parameters

    async def late(session: Any) -> None:
        with pytest.raises(OperationalError, match="readonly"):
            await on_session(session, lambda one: one.execute(text("SELECT 'hidden'")))
        assert rig.store.checked_out == 0

    serve(rig, late)
    try:
        assert (await rig.call("/late")).error is None
    finally:
        event.remove(rig.store.sync_engine, "before_cursor_execute", rewrite)
    assert rig.store.names == set()


@pytest.mark.parametrize("outcome", ["read", "fails"])
async def test_the_setting_ends_with_the_read(rig: Rig, outcome: str) -> None:
    """The next user of that very connection may write, whether the read succeeded or failed."""
    drivers: set[int] = set()

    @event.listens_for(rig.store.sync_engine, "checkout")
    def remember(connection: Any, *_: Any) -> None:
        drivers.add(id(connection))

    async def late(session: Any) -> None:
        drivers.clear()
        if outcome == "read":
            await on_session(session, lambda one: one.scalars(select(Item)).all())
            return
        with pytest.raises(DBAPIError):
            await on_session(session, lambda one: one.execute(text("SELECT a FROM nowhere")))

    serve(rig, late)
    try:
        assert (await rig.call("/late")).error is None
        assert len(drivers) == 1
        recording = await rig.call("/write")
        assert len(drivers) == 1
    finally:
        event.remove(rig.store.sync_engine, "checkout", remember)
    assert recording.status == 201
    assert rig.store.names == {"new"}
