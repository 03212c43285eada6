"""Manual mode, redirections, several binds: which status commits what, and what is left over."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig, SQLitePragmas
from holdfast.errors import OutsideBoundaryError
from holdfast.testing import fail_next_commit, lose_next_commit_reply
from tests import asgi
from tests.engines.database import Database
from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Base, Item

some_backends = pytest.mark.parametrize(
    "store", ["aiosqlite", "asyncpg", "pysqlite"], indirect=True
)

Change = Callable[[Session], Any]


def flushed(session: Session) -> None:
    """Write through the unit of work."""
    session.add(Item(name="new"))
    session.flush()


CHANGES: dict[str, Change] = {
    "flush": flushed,
    "ORM insert": lambda session: session.execute(insert(Item).values(name="new")),
    "bulk insert": lambda session: session.execute(insert(Item), [{"name": "new"}, {"name": "b"}]),
    "returning": lambda session: session.scalars(
        insert(Item).values(name="new").returning(Item)
    ).one(),
    "update": lambda session: session.execute(update(Item).values(name="new")),
    "delete": lambda session: session.execute(delete(Item)),
    "Core insert": lambda session: session.execute(insert(Item.__table__).values(name="new")),  # type: ignore[arg-type]
    "text": lambda session: session.execute(text("INSERT INTO item (id, name) VALUES (1, 'new')")),
    "text in a CTE": lambda session: session.execute(
        text("WITH one AS (SELECT 2 AS id) INSERT INTO item (id, name) SELECT id, 'new' FROM one")
    ),
    "bulk_save_objects": lambda session: session.bulk_save_objects([Item(name="new")]),
    "savepoint": lambda session: in_savepoint(session, flushed),
    "connection": lambda session: session.connection().execute(
        insert(Item.__table__).values(name="new")  # type: ignore[arg-type]
    ),
    "driver's own SQL": lambda session: session.connection().exec_driver_sql(
        "INSERT INTO item (id, name) VALUES (1, 'new')"
    ),
}


def in_savepoint(session: Session, change: Change) -> None:
    """Make a change inside a savepoint."""
    with session.begin_nested():
        change(session)


def serve(rig: Rig, change: Change, answer: Callable[[], Any] = dict, status: int = 200) -> None:
    """Give the application a route that makes a change and answers."""

    @rig.app.post("/change", status_code=status)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> Any:
        await on_session(session, change)
        return answer()


@some_backends
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_manual_mode_refuses_success_over_left_over_changes(
    rig: Rig, change: Change, caplog: pytest.LogCaptureFixture
) -> None:
    """However it was written: the answer is an error, and the log names route and remedy."""
    rig.config.commit_mode = "manual"
    serve(rig, change)
    recording = await rig.call("/change")
    assert recording.status == 500
    assert recording.json["type"] == "urn:holdfast:problem:uncommitted-changes"
    assert "POST /change" in caplog.text
    assert "await session.commit()" in caplog.text
    assert 'commit_mode="autocommit"' in caplog.text
    assert rig.store.names == set()


@some_backends
@pytest.mark.parametrize("status", [404, 500])
async def test_a_failure_over_left_over_changes_is_the_handlers(rig: Rig, status: int) -> None:
    """Only a success would mislead."""
    rig.config.commit_mode = "manual"
    serve(rig, flushed, status=status)
    assert (await rig.call("/change")).status == status
    assert rig.store.names == set()


@some_backends
@pytest.mark.parametrize("choice", ["warn", "ignore"])
async def test_on_uncommitted_softens_the_answer(
    rig: Rig, choice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With "warn" the success goes out and the log tells; with "ignore" it does not."""
    rig.config.commit_mode = "manual"
    rig.config.on_uncommitted = choice
    serve(rig, flushed)
    assert (await rig.call("/change")).status == 200
    assert ("POST /change left changes uncommitted" in caplog.text) == (choice == "warn")
    assert rig.store.names == set()


@some_backends
async def test_unflushed_objects_only_warn(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """An object that was added and never written is a warning, as it is with SQLAlchemy alone."""
    rig.config.commit_mode = "manual"
    serve(rig, lambda session: session.add(Item(name="new")))
    assert (await rig.call("/change")).status == 200
    assert "left changes uncommitted" in caplog.text
    assert rig.store.names == set()


@some_backends
@pytest.mark.parametrize("ending", ["commit", "rollback"])
async def test_manual_mode_is_content_when_the_handler_ended_it(
    rig: Rig, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What the handler committed or rolled back itself is nobody's left-over."""
    rig.config.commit_mode = "manual"

    def change(session: Session) -> None:
        flushed(session)
        getattr(session, ending)()

    serve(rig, change)
    assert (await rig.call("/change")).status == 200
    assert rig.store.names == ({"new"} if ending == "commit" else set())
    assert caplog.text == ""


@some_backends
async def test_reading_in_manual_mode_needs_no_commit(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that only read leaves nothing over."""
    rig.config.commit_mode = "manual"
    serve(rig, lambda session: session.scalars(select(Item)).all())
    assert (await rig.call("/change")).status == 200
    assert (caplog.text, rig.happened) == ("", ["start 200"])


@some_backends
@pytest.mark.parametrize(
    ("mode", "kept"), [("autocommit", False), ("autocommit_include_redirect", True)]
)
async def test_a_redirection_commits_where_told(
    rig: Rig, mode: Any, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Under "autocommit" it rolls back, with a warning that names the other mode."""
    rig.config.commit_mode = mode
    serve(rig, flushed, answer=lambda: RedirectResponse("/elsewhere", 303))
    assert (await rig.call("/change")).status == 303
    assert rig.store.names == ({"new"} if kept else set())
    assert ("autocommit_include_redirect" in caplog.text) is not kept


@some_backends
@pytest.mark.parametrize(("status", "kept"), [(200, 1), (299, 1), (300, 0), (400, 0), (503, 0)])
async def test_the_status_decides(rig: Rig, status: int, kept: int) -> None:
    """Under "autocommit" a 2xx commits and everything else rolls back."""
    serve(rig, flushed, answer=lambda: Response(status_code=status))
    assert (await rig.call("/change")).status == status
    assert len(rig.store.names) == kept


@some_backends
async def test_one_request_has_one_session(rig: Rig) -> None:
    """Dependencies, services and `get_session` share it, and the next request has another."""
    seen: list[Any] = []
    provide = rig.alchemy.provide_session()

    async def first(session: Annotated[Any, Depends(provide)]) -> Any:
        return session

    @rig.app.post("/")
    async def compare(
        request: Request,
        one: Annotated[Any, Depends(first)],
        two: Annotated[Any, Depends(provide, use_cache=False)],
    ) -> None:
        seen.append(one)
        assert one is two is rig.alchemy.get_session(request)

    assert [(await rig.call()).status for _ in range(2)] == [200, 200]
    assert seen[0] is not seen[1]


@some_backends
async def test_a_session_after_its_request_is_refused(rig: Rig) -> None:
    """What was kept past the end of the request neither reads nor hides that it cannot."""
    kept: list[Any] = []

    @rig.app.post("/")
    async def keep(
        request: Request, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> None:
        kept[:] = [request, session]

    await rig.call()
    with pytest.raises(OutsideBoundaryError, match=r"alchemy\.session\(\)"):
        rig.alchemy.get_session(kept[0])
    with pytest.raises(OutsideBoundaryError, match=r"alchemy\.session\(\)"):
        await on_session(kept[1], lambda session: session.scalar(select(Item.id)))
    assert rig.store.checked_out == 0


@some_backends
async def test_a_session_outside_the_boundary_is_refused(rig: Rig) -> None:
    """A scope that never passed the boundary has no session, and the error names the way out."""
    with pytest.raises(OutsideBoundaryError, match="boundary"):
        rig.alchemy.get_session(HTTPConnection({"type": "http"}))


class Pair:
    """An application on two databases."""

    def __init__(self, first: SQLAlchemyAsyncConfig, second: SQLAlchemyAsyncConfig) -> None:
        self.configs = (first, second)
        self.app = FastAPI()
        self.alchemy = AdvancedAlchemy([first, second], app=self.app)

        @self.app.post("/", status_code=201)
        async def write(
            one: Annotated[Any, Depends(self.alchemy.provide_session("first"))],
            two: Annotated[Any, Depends(self.alchemy.provide_session("second"))],
        ) -> None:
            assert one is not two
            one.add(Item(name="new"))
            two.add(Item(name="new"))


def names(database: Database) -> list[str]:
    """Return what is committed."""
    return [name for (name,) in database.query("SELECT name FROM item")]


@asynccontextmanager
async def opened_pair(
    folder: Path, modes: tuple[str, str] = ("autocommit", "autocommit")
) -> AsyncGenerator[tuple[Pair, list[Database]]]:
    """Open an application on two SQLite files."""
    databases = [Database.sqlite("aiosqlite", folder / f"{n}.sqlite") for n in (1, 2)]
    engines = [create_async_engine(database.url) for database in databases]
    for engine in engines:
        SQLitePragmas().install(engine.sync_engine)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    first, second = (
        SQLAlchemyAsyncConfig(engine_instance=engine, bind_key=key, commit_mode=mode)  # type: ignore[arg-type]
        for engine, key, mode in zip(engines, ("first", "second"), modes, strict=True)
    )
    yield Pair(first, second), databases
    for engine in engines:
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        await engine.dispose()


async def test_every_bind_has_a_session_and_commits(tmp_path: Path) -> None:
    """Two databases with default key names: each gets its own row."""
    async with opened_pair(tmp_path) as (pair, databases):
        recording = await asgi.request(pair.app, "POST")
        assert recording.status == 201
        assert [names(database) for database in databases] == [["new"], ["new"]]


async def test_a_failure_of_the_first_commit_undoes_both(tmp_path: Path) -> None:
    """Nothing is committed anywhere, and the answer says so."""
    async with opened_pair(tmp_path) as (pair, databases):
        with fail_next_commit(pair.configs[0]):
            recording = await asgi.request(pair.app, "POST")
        assert recording.status == 503
        assert recording.json["type"] == "urn:holdfast:problem:database-unavailable"
        assert [names(database) for database in databases] == [[], []]


async def test_a_failure_of_a_later_commit_is_partial(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first database has the row, the second has not, and it is reported as what it is."""
    async with opened_pair(tmp_path) as (pair, databases):
        with fail_next_commit(pair.configs[1]):
            recording = await asgi.request(pair.app, "POST")
        assert recording.status == 500
        assert recording.json["type"] == "urn:holdfast:problem:partial-commit"
        assert recording.json["committed"] == "partial"
        assert [names(database) for database in databases] == [["new"], []]
    assert "Bind 'second' failed to commit after 'first' had committed" in caplog.text


async def test_a_lost_reply_of_a_later_commit_is_never_success(tmp_path: Path) -> None:
    """Both databases have the row, but the second's answer is lost: an error."""
    async with opened_pair(tmp_path) as (pair, databases):
        with lose_next_commit_reply(pair.configs[1]):
            recording = await asgi.request(pair.app, "POST")
        assert recording.status == 500
        assert [names(database) for database in databases] == [["new"], ["new"]]


async def test_a_failing_flush_of_the_second_undoes_the_first(tmp_path: Path) -> None:
    """Everything is flushed before anything is committed."""
    async with opened_pair(tmp_path) as (pair, databases):
        databases[1].query("INSERT INTO item (id, name) VALUES (1, 'new')")
        recording = await asgi.request(pair.app, "POST")
        assert recording.status == 409
        assert names(databases[0]) == []


async def test_an_error_swallowed_on_the_second_undoes_the_first(tmp_path: Path) -> None:
    """That it cannot commit is known before anything is committed."""
    async with opened_pair(tmp_path) as (pair, databases):

        @pair.app.put("/")
        async def swallow(
            one: Annotated[Any, Depends(pair.alchemy.provide_session("first"))],
            two: Annotated[Any, Depends(pair.alchemy.provide_session("second"))],
        ) -> None:
            one.add(Item(name="new"))
            two.add_all([Item(name="twice"), Item(name="twice")])
            with suppress(IntegrityError):
                await two.flush()

        recording = await asgi.request(pair.app, "PUT")
        assert recording.json["type"] == "urn:holdfast:problem:unique-violation"
        assert [names(database) for database in databases] == [[], []]


async def test_binds_commit_in_the_order_of_their_use(tmp_path: Path) -> None:
    """The mode of each bind is its own; what one leaves over withholds the other's COMMIT."""
    async with opened_pair(tmp_path, ("autocommit", "manual")) as (pair, databases):

        @pair.app.put("/")
        async def flush_both(
            one: Annotated[Any, Depends(pair.alchemy.provide_session("first"))],
            two: Annotated[Any, Depends(pair.alchemy.provide_session("second"))],
        ) -> None:
            for session in (one, two):
                session.add(Item(name="new"))
                await session.flush()

        recording = await asgi.request(pair.app, "PUT")
        assert recording.json["type"] == "urn:holdfast:problem:uncommitted-changes"
        assert [names(database) for database in databases] == [[], []]


async def test_an_unused_bind_is_left_alone(tmp_path: Path) -> None:
    """A database that the request did not touch takes part in nothing."""
    async with opened_pair(tmp_path) as (pair, databases):

        @pair.app.put("/")
        async def write(
            one: Annotated[Any, Depends(pair.alchemy.provide_session("first"))],
        ) -> None:
            one.add(Item(name="new"))

        databases[1].query("DROP TABLE item")
        recording = await asgi.request(pair.app, "PUT")
        assert (recording.status, recording.error) == (200, None)
        assert names(databases[0]) == ["new"]
