"""MariaDB commits at DDL, as if the handler had done so by hand."""

from collections.abc import Generator
from contextlib import suppress
from typing import Annotated

import pytest
from fastapi import Depends
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tests.transaction.rig import Rig, opened
from tests.transaction.store import Item, Store

CREATE = text("CREATE TABLE made (id int)")


@pytest.fixture(autouse=True)
def without_the_table(mariadb_rig: Rig) -> Generator[None]:
    yield
    mariadb_rig.store.database.query("DROP TABLE IF EXISTS made")


def serve(rig: Rig, *statements: str, error: type[Exception] | None = None) -> None:
    """Give the application a route that adds an item and runs statements after it."""

    @rig.app.post("/", status_code=201)
    async def write(
        session: Annotated[AsyncSession, Depends(rig.alchemy.provide_async_session())],
    ) -> None:
        session.add(Item(name="new"))
        await session.flush()
        for statement in statements:
            with suppress(DBAPIError):
                await session.execute(text(statement))
        if error is not None:
            raise error


@pytest.mark.parametrize("status", [201, 500])
async def test_what_was_written_before_is_kept(mariadb_rig: Rig, status: int) -> None:
    """An answer that fails cannot undo it, as it could not undo a commit of the handler's own."""
    serve(mariadb_rig, CREATE.text, error=None if status == 201 else LookupError)
    assert (await mariadb_rig.call()).status == status
    assert mariadb_rig.store.names == {"new"}


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
async def test_nothing_is_left_to_commit(mariadb_store: Store, dialect: str) -> None:
    """In manual mode a success over it claims nothing that is not there, and is no mistake."""
    database = mariadb_store.database
    url = make_url(database.url).set(drivername=f"{dialect}+asyncmy")
    store = Store(database, create_async_engine(url))
    with opened(store, commit_mode="manual") as rig:
        serve(rig, CREATE.text)
        assert (await rig.call()).status == 201
        assert rig.store.names == {"new"}
    await store.dispose()


@pytest.mark.parametrize(
    "statement", ["INSERT INTO item (name) VALUES ('late')", "/*! DELETE FROM item */"]
)
async def test_what_is_written_after_it_counts(mariadb_rig: Rig, statement: str) -> None:
    """A write that follows is uncommitted, also in a comment that MariaDB executes."""
    mariadb_rig.config.commit_mode = "manual"
    serve(mariadb_rig, CREATE.text, statement)
    assert (await mariadb_rig.call()).status == 500
    assert mariadb_rig.store.names == {"new"}


async def test_a_temporary_table_commits_nothing(mariadb_rig: Rig) -> None:
    """DDL on what only the connection sees leaves the transaction open."""
    mariadb_rig.config.commit_mode = "manual"
    serve(mariadb_rig, "CREATE TEMPORARY TABLE made (id int)", "DROP TEMPORARY TABLE made")
    assert (await mariadb_rig.call()).status == 500
    assert mariadb_rig.store.names == set()
