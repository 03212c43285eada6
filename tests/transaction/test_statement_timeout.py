"""Options of a route, a router or an application: they hold for its requests and no others."""

import time
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Request
from sqlalchemy import text
from sqlalchemy.orm import Session

from holdfast import Retry
from holdfast.errors import ConfigurationError
from holdfast.transaction.request import request_transaction
from tests.transaction.rig import Rig, on_session, opened, until
from tests.transaction.store import Item, Store

COUNT_FOR_SECONDS = {
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) "
        "SELECT count(*) FROM n"
    ),
    "postgresql": "SELECT pg_sleep(5)",
    "mysql": "SELECT SLEEP(5)",
    "mariadb": "SELECT SLEEP(5)",
}

A_MOMENT = {
    "sqlite": COUNT_FOR_SECONDS["sqlite"].replace("100000000", "1000000"),
    "postgresql": "SELECT pg_sleep(0.15)",
    "mysql": "SELECT SLEEP(0.15)",
    "mariadb": "SELECT SLEEP(0.15)",
}


def slow(session: Session) -> None:
    """Run a statement that takes several seconds."""
    session.add(Item(name="new"))
    session.flush()
    session.execute(text(COUNT_FOR_SECONDS[session.get_bind().dialect.name]))


def serve(rig: Rig, path: str, **options: Any) -> None:
    """Give the application a slow route with options."""
    dependencies = [Depends(rig.alchemy.options(**options))] if options else []

    @rig.app.post(path, dependencies=dependencies)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, slow)


async def test_a_statement_over_its_time_is_stopped(rig: Rig) -> None:
    """The database gives up, everything is undone, the client gets 504, the connection is well."""
    serve(rig, "/slow", statement_timeout=0.2)

    @rig.app.post("/quick")
    async def quick(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, lambda one: one.add(Item(name="quick")))

    began = time.monotonic()
    recording = await rig.call("/slow")
    assert time.monotonic() - began < 4
    assert (recording.status, recording.json["type"]) == (
        504,
        "urn:holdfast:problem:statement-timeout",
    )
    assert rig.store.names == set()
    rig.assert_clean(recording)
    assert (await rig.call("/quick")).status == 200


async def test_the_bound_ends_with_the_transaction(store: Store) -> None:
    """A connection that goes back to the pool takes no bound along."""
    with opened(store) as rig:
        serve(rig, "/slow", statement_timeout=0.05)
        assert (await rig.call("/slow")).status == 504

        def longer(session: Session) -> None:
            session.execute(text(A_MOMENT[session.get_bind().dialect.name]))

        @rig.app.post("/longer")
        async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
            await on_session(session, longer)

        for _ in range(rig.store.sync_engine.pool.size()):  # type: ignore[attr-defined]
            assert (await rig.call("/longer")).status == 200


async def test_the_extension_sets_it_for_all(store: Store) -> None:
    """The extension's own bound holds where a route has none, and in blocks of one's own."""
    with opened(store, statement_timeout=0.2) as rig:
        serve(rig, "/slow")
        assert (await rig.call("/slow")).status == 504
        with pytest.raises(Exception, match=r"cancel|timeout|interrupt"):
            await slow_block(rig)
        assert rig.store.names == set()


async def slow_block(rig: Rig) -> None:
    """Run the slow statement in a block of one's own."""
    if rig.store.database.is_async:
        async with rig.alchemy.transaction() as session:
            await session.run_sync(slow)
    else:
        with rig.alchemy.transaction() as sync_session:
            slow(sync_session)


@pytest.mark.parametrize("store", ["asyncpg", "psycopg"], indirect=True)
async def test_commit_timeout_of_a_route(store: Store) -> None:
    """A route may give its COMMIT less time than the extension does."""
    store.database.query(
        "CREATE OR REPLACE FUNCTION sleep_a_while() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER a_while AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION sleep_a_while()"
    )
    try:
        with opened(store) as rig:

            @rig.app.post("/", dependencies=[Depends(rig.alchemy.options(commit_timeout=0.1))])
            async def write(
                session: Annotated[Any, Depends(rig.alchemy.provide_session())],
            ) -> None:
                session.add(Item(name="new"))

            recording = await rig.call()
            assert recording.json["committed"] == "unknown"
            await until(lambda: store.checked_out == 0)
    finally:
        store.database.query("DROP TRIGGER a_while ON item")


@pytest.mark.parametrize("store", ["pysqlite"], indirect=True)
async def test_the_innermost_option_wins(store: Store) -> None:
    """A route's own option goes before its router's, and what it leaves open stays."""
    with opened(store) as rig:
        seen: list[Any] = []
        provide = Depends(rig.alchemy.provide_session())
        router = APIRouter(
            dependencies=[Depends(rig.alchemy.options(retry=Retry(attempts=2), commit_timeout=3))]
        )

        @router.post("/", dependencies=[Depends(rig.alchemy.options(commit_timeout=4))])
        async def write(request: Request, session: Annotated[Any, provide]) -> None:
            transaction = request_transaction(request.scope, rig.alchemy)
            seen.append((transaction.retry, transaction.timeout))

        rig.app.include_router(router)
        await rig.call()
        assert seen == [(Retry(attempts=2), 4)]


@pytest.mark.parametrize("options", [{"commit_timeout": 0}, {"statement_timeout": -1}])
@pytest.mark.parametrize("store", ["pysqlite"], indirect=True)
async def test_a_time_that_is_none_is_refused(store: Store, options: dict[str, float]) -> None:
    """What leaves no time fails where it is written, for routes as for the extension."""
    with opened(store) as rig:
        with pytest.raises(ConfigurationError, match="Write seconds above 0"):
            rig.alchemy.options(**options)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="Write seconds above 0"):
            Rig(store, **options)


@pytest.mark.parametrize("store", ["pysqlite"], indirect=True)
async def test_equal_options_are_one_dependency(store: Store) -> None:
    """The same options give the same function, so that FastAPI calls it once."""
    with opened(store) as rig:
        assert rig.alchemy.options(retry=True) is rig.alchemy.options(retry=Retry())
        assert rig.alchemy.options(retry=True) is not rig.alchemy.options(retry=False)
