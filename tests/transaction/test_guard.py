"""After the start: the request's session reads, gives its connection back, and refuses writes."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse
from sqlalchemy import delete, insert, lambda_stmt, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, joinedload, selectinload

from holdfast.errors import ResponseStartedError
from tests.engines.database import ASYNC_BACKENDS
from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item

Late = Callable[[Any], Awaitable[None]]

PLACES = ("stream", "json-lines", "sse", "background", "teardown", "after background")


def serve(rig: Rig, late: Late) -> None:
    """Give the application a route for every place after the start, where `late` is run."""
    provide = rig.alchemy.provide_session()
    given = Depends(provide)

    async def write(session: Annotated[Any, given]) -> Any:
        parent = Item(name="parent", children=[Item(name="a"), Item(name="b")])
        await on_session(session, lambda sync_session: sync_session.add(parent))
        return session

    written = Depends(write)

    async def late_at_teardown(session: Annotated[Any, given]) -> AsyncGenerator[None]:
        yield
        await late(session)

    @rig.app.post("/stream")
    async def as_stream(session: Annotated[Any, written]) -> StreamingResponse:
        async def parts() -> AsyncGenerator[str]:
            yield "before"
            await late(session)
            yield "after"

        return StreamingResponse(parts())

    @rig.app.post("/json-lines")
    async def as_json_lines(session: Annotated[Any, written]) -> AsyncIterable[int]:
        await late(session)
        yield 1

    @rig.app.post("/sse", response_class=EventSourceResponse)
    async def as_events(session: Annotated[Any, written]) -> AsyncIterable[int]:
        await late(session)
        yield 1

    @rig.app.post("/background")
    async def with_task(session: Annotated[Any, written], tasks: BackgroundTasks) -> None:
        tasks.add_task(late, session)

    @rig.app.post("/after%20background")
    async def with_two_tasks(session: Annotated[Any, written], tasks: BackgroundTasks) -> None:
        tasks.add_task(on_session, session, lambda one: one.scalars(select(Item)).all())
        tasks.add_task(late, session)

    @rig.app.post("/teardown", dependencies=[Depends(late_at_teardown)])
    async def torn_down(session: Annotated[Any, written]) -> None:
        """Leave the late work to the dependency."""


def all_names(session: Session) -> list[str]:
    """Read the names of all rows."""
    return sorted(session.scalars(select(Item.name)))


READS: dict[str, Callable[[Session], Any]] = {
    "select": all_names,
    "get": lambda session: one(session, session.get(Item, 1000)),
    "refresh": lambda session: refreshed(session).name,
    "lazy load": lambda session: [child.name for child in parent_of(session).children],
    "selectinload": lambda session: parent_of(session, selectinload(Item.children)).children,
    "joinedload": lambda session: parent_of(session, joinedload(Item.children)).children,
    "deferred": lambda session: expired(session).name,
    "text": lambda session: session.execute(text("SELECT name FROM item")).all(),
    "entity from text": lambda session: session.scalars(
        select(Item).from_statement(text("SELECT * FROM item"))
    ).all(),
    "lambda": lambda session: session.scalars(lambda_stmt(lambda: select(Item.name))).all(),
    "scalar": lambda session: session.scalar(select(Item.id).where(Item.name == "parent")),
    "query": lambda session: session.query(Item).filter_by(name="parent").one(),
    "for update": lambda session: session.execute(
        text("SELECT name FROM item /* UPDATE item SET name = 'x' */")
    ).all(),
    "core rows": lambda session: session.execute(select(Item.__table__)).mappings().all(),
    "yield per": lambda session: list(session.scalars(select(Item), execution_options={})),
}


def one(session: Session, item: Item | None) -> Item:
    """Insist on a row."""
    assert item is not None
    return item


def parent_of(session: Session, *options: Any) -> Item:
    """Load the row that has children."""
    statement = select(Item).where(Item.name == "parent").options(*options)
    return session.scalars(statement.execution_options(populate_existing=True)).unique().one()


def refreshed(session: Session) -> Item:
    """Load a row a second time."""
    item = parent_of(session)
    session.refresh(item)
    return item


def expired(session: Session) -> Item:
    """Give a row that has to be loaded when it is looked at."""
    item = parent_of(session)
    session.expire(item)
    return item


@pytest.mark.parametrize("place", PLACES)
async def test_reads_are_served_and_hold_nothing(rig: Rig, place: str) -> None:
    """Every way to read works after the start, on a connection that goes back at once."""
    done: list[str] = []

    async def late(session: Any) -> None:
        for name, read in READS.items():
            assert await on_session(session, read), name
            assert rig.store.checked_out == 0, name
            done.append(name)
        assert await on_session(session, all_names) == ["a", "b", "parent", "taken"]

    serve(rig, late)
    recording = await rig.call(f"/{place.replace(' ', '%20')}")
    assert (recording.status, recording.error, recording.complete) == (200, None, True)
    assert done == list(READS)


def added(session: Session) -> Session:
    """Add a row."""
    session.add(Item(name="late"))
    return session


def deleted(session: Session) -> Session:
    """Mark a row to be deleted."""
    session.delete(parent_of(session))
    return session


def changed(session: Session) -> Session:
    """Change a row."""
    parent_of(session).name = "late"
    return session


WRITES: dict[str, Callable[[Session], Any]] = {
    "flush": lambda session: added(session).flush(),
    "commit": lambda session: added(session).commit(),
    "autoflush": lambda session: all_names(added(session)),
    "delete": lambda session: deleted(session).flush(),
    "change": lambda session: changed(session).flush(),
    "ORM insert": lambda session: session.execute(insert(Item).values(name="late")),
    "ORM update": lambda session: session.execute(update(Item).values(name="late")),
    "ORM delete": lambda session: session.execute(delete(Item)),
    "returning": lambda session: session.scalars(insert(Item).values(name="late").returning(Item)),
    "Core insert": lambda session: session.execute(insert(Item.__table__).values(name="late")),  # type: ignore[arg-type]
    "text": lambda session: session.execute(text("UPDATE item SET name = 'late'")),
    "text with comment": lambda session: session.execute(text("-- a\nDELETE FROM item")),
    "text in a CTE": lambda session: session.execute(text("WITH a AS (SELECT 1) DELETE FROM item")),
    "query": lambda session: session.query(Item).update({"name": "late"}),
    "bulk_save_objects": lambda session: session.bulk_save_objects([Item(name="late")]),
    "bulk_insert_mappings": lambda session: session.bulk_insert_mappings(Item, [{"name": "late"}]),
    "connection": lambda session: session.connection(),
    "begin_nested": lambda session: session.begin_nested().session.connection(),
    "yield_per": lambda session: list(
        session.scalars(select(Item), execution_options={"stream_results": True})
    ),
}


@pytest.mark.parametrize(
    "store", ["aiosqlite", "asyncpg", "asyncmy", "pysqlite", "psycopg-sync"], indirect=True
)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_writes_are_refused(rig: Rig, write: Callable[[Session], Any]) -> None:
    """Every way to write is refused in a background task, with the remedy in the error."""
    refused: list[str] = []

    async def late(session: Any) -> None:
        with pytest.raises(ResponseStartedError) as caught:
            await on_session(session, write)
        refused.append(str(caught.value))
        await on_session(session, Session.rollback)
        assert rig.store.checked_out == 0

    serve(rig, late)
    recording = await rig.call("/background")
    assert recording.complete
    assert len(refused) == 1, recording.error
    assert "async with alchemy.transaction() as session" in refused[0]
    assert rig.store.names == {"a", "b", "parent"}


@pytest.mark.parametrize("store", ["aiosqlite", "asyncpg", "asyncmy"], indirect=True)
@pytest.mark.parametrize("place", PLACES)
async def test_a_refused_write_is_raised_wherever_it_is(rig: Rig, place: str) -> None:
    """Nothing vanishes behind a 200: the error reaches the server, and cuts a stream off."""

    async def late(session: Any) -> None:
        await session.execute(insert(Item).values(name="late"))

    serve(rig, late)
    recording = await rig.call(f"/{place.replace(' ', '%20')}")
    assert contains(recording.error, ResponseStartedError)
    assert rig.store.names == {"a", "b", "parent"}
    if place in {"stream", "json-lines"}:
        assert not recording.complete


@pytest.mark.parametrize("place", PLACES)
async def test_objects_that_are_merely_added_are_refused(rig: Rig, place: str) -> None:
    """An object added after the start and never flushed is an error at the end of the request."""

    async def late(session: Any) -> None:
        session.add(Item(name="late"))

    serve(rig, late)
    recording = await rig.call(f"/{place.replace(' ', '%20')}")
    # FastAPI begins an SSE producer before the start, where the object may still take part.
    in_time = place == "sse" and "late" in rig.found_at_start
    assert in_time or contains(recording.error, ResponseStartedError)
    assert ("late" in rig.store.names) == in_time


@pytest.mark.parametrize("place", PLACES)
async def test_a_block_of_its_own_writes(rig: Rig, place: str) -> None:
    """The remedy that the error names does work in the same places."""

    async def late(session: Any) -> None:
        if rig.store.database.is_async:
            async with rig.alchemy.transaction() as own:
                own.add(Item(name="late"))
        else:
            with rig.alchemy.transaction() as own:
                own.add(Item(name="late"))

    serve(rig, late)
    recording = await rig.call(f"/{place.replace(' ', '%20')}")
    assert recording.error is None
    assert rig.store.names == {"a", "b", "parent", "late"}


@pytest.mark.parametrize("store", ASYNC_BACKENDS, indirect=True)
async def test_server_side_cursors_are_refused(rig: Rig) -> None:
    """`session.stream()` would hold its connection for as long as the client takes."""
    refused: list[str] = []

    async def late(session: AsyncSession) -> None:
        with pytest.raises(ResponseStartedError) as caught:
            await session.stream(select(Item))
        refused.append(str(caught.value))
        assert rig.store.checked_out == 0

    serve(rig, late)
    recording = await rig.call("/stream")
    assert (recording.error, recording.complete) == (None, True)
    assert "alchemy.transaction()" in refused[0]


async def test_a_failed_read_gives_its_connection_back(rig: Rig) -> None:
    """An error of the database in a late read leaves nothing behind, and the next read works."""

    async def late(session: Any) -> None:
        with pytest.raises(Exception, match="nowhere"):
            await on_session(session, lambda one: one.execute(text("SELECT a FROM nowhere")))
        assert rig.store.checked_out == 0
        assert await on_session(session, all_names)

    serve(rig, late)
    recording = await rig.call("/background")
    assert (recording.error, recording.status) == (None, 200)


async def test_several_reads_at_once_do_not_mix(async_rig: Rig) -> None:
    """A stream's reads see what others committed in between: each is a transaction of its own."""
    seen: list[int] = []

    async def late(session: Any) -> None:
        for number in range(3):
            async_rig.store.database.query(
                f"INSERT INTO item (id, name) VALUES ({2000 + number}, 'n{number}')"
            )
            seen.append(len(await on_session(session, all_names)))

    serve(async_rig, late)
    assert (await async_rig.call("/stream")).complete
    assert seen == [5, 6, 7]


def contains(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Tell whether an error is of a kind, or a group with one such in it."""
    if isinstance(error, BaseExceptionGroup):
        return any(contains(inner, kind) for inner in error.exceptions)
    return isinstance(error, kind)
