"""PUT on real engines: one row a key, and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError as SQLIntegrityError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from holdfast.query.services import session_of
from holdfast.query.upsert import Upserted, upsert_row
from tests.query.labels import Label, LabelBase
from tests.query.puts import hooked, put, rows
from tests.query.writers import DRIVERS, Writer, opened


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, LabelBase.metadata) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(LabelBase.metadata)
    return tables


EXPECTED = {  # statements of a PUT that creates, and of one that changes
    "postgresql": (1, 1),
    "sqlite": (1, 3),
    "mariadb": (2, 3),
}


def dialect(writer: Writer) -> str:
    if writer.database.is_postgres:
        return "postgresql"
    return "mariadb" if writer.database.is_mariadb else "sqlite"


async def test_a_row_is_created_and_then_replaced(writer: Writer) -> None:
    """The first PUT of a key creates its row, the second changes it, in few statements."""
    creating, changing = EXPECTED[dialect(writer)]
    entity, created = await put(writer, "a", "one", code="c")
    assert created
    assert (entity.slug, entity.text, entity.tenant_id, entity.version) == ("a", "one", 1, 1)
    assert len(writer.statements) == creating
    entity, created = await put(writer, "a", "two")
    assert not created
    # What was not sent has the schema's default.
    assert (entity.text, entity.code, entity.version) == ("two", None, 2)
    assert len(writer.statements) == changing
    assert entity.changed_by == "somebody"
    assert rows(writer) == [(1, "a", "two", 2)]


async def test_a_hundred_requests_for_a_new_key_make_one_row(writer: Writer) -> None:
    """Of a hundred concurrent PUTs of one new key one creates the row, and the others change it."""
    if not writer.is_async:
        pytest.skip("one after another")
    outcomes = await asyncio.gather(*(put(writer, "a", f"text {n}") for n in range(100)))
    assert Counter(created for _, created in outcomes) == {True: 1, False: 99}
    ((owner, slug, text, version),) = rows(writer)
    assert (owner, slug, version) == (1, "a", 100)
    assert text in {f"text {n}" for n in range(100)}


async def test_requests_of_two_tenants_make_a_row_each(writer: Writer) -> None:
    """Concurrent PUTs of one slug by two tenants never meet."""
    outcomes = [put(writer, "a", f"text {n}", owner=n % 2 + 1) for n in range(40)]
    if writer.is_async:
        done = await asyncio.gather(*outcomes)
    else:
        done = [await outcome for outcome in outcomes]
    assert Counter(created for _, created in done) == {True: 2, False: 38}
    found = sorted((owner, int(text[5:]) % 2, version) for owner, _, text, version in rows(writer))
    assert found == [(1, 0, 20), (2, 1, 20)]


async def test_a_service_with_a_hook_is_asked(writer: Writer) -> None:
    """A hook for new rows runs where one is created, and only there, under concurrency as well."""
    members = hooked(writer)
    entity, created = await put(writer, "a", "one", members=members)
    assert (created, entity.text) == (True, "one!")
    entity, created = await put(writer, "a", "two", members=members)
    assert (created, entity.text) == (False, "two")


async def test_a_hook_and_a_race_still_make_one_row(writer: Writer) -> None:
    """Where the service creates the row, a concurrent one of the same key is changed instead.

    SQLite and MariaDB may refuse a second writer or a deadlock: that request is run again, as the
    boundary does it.
    """
    if not writer.is_async:
        pytest.skip("one after another")
    members = hooked(writer)

    async def put_again(text: str) -> Upserted:
        while True:
            try:
                return await put(writer, "a", text, members=members)
            except OperationalError:
                await asyncio.sleep(0)

    outcomes = await asyncio.gather(*(put_again(f"text {n}") for n in range(20)))
    assert Counter(created for _, created in outcomes) == {True: 1, False: 19}
    ((_, _, _, version),) = rows(writer)
    assert version == 20


async def test_a_put_that_changes_nothing(writer: Writer) -> None:
    """The same content again is a new version where one statement writes it, and else none."""
    await put(writer, "a", "one")
    entity, _ = await put(writer, "a", "one")
    assert entity.version == (2 if writer.database.is_postgres else 1)


async def test_a_put_may_draw_a_key(writer: Writer) -> None:
    """By a natural key each PUT draws a generated key, used or not, but on SQLite."""
    first, _ = await put(writer, "a", "one")
    for n in range(5):
        await put(writer, "a", f"text {n}")
    second, _ = await put(writer, "b", "two")
    is_sqlite = writer.database.server is None
    assert (second.id - first.id == 1) is is_sqlite


async def test_a_put_by_a_generated_key_and_the_next_one(writer: Writer) -> None:
    """PostgreSQL goes on counting as if a key that a client chose had not been taken."""

    async def add(slug: str) -> Label:
        label = Label(slug=slug, text="t", tenant_id=1)

        def work(service: Any) -> Label:
            session_of(service).add(label)
            session_of(service).flush()
            return label

        return await writer.run(Label, work)

    last = (await add("first")).id
    data = {"slug": "chosen", "text": "t", "tenant_id": 1}
    await writer.run(Label, lambda service: upsert_row(service, last + 1, data))
    if writer.database.is_postgres:
        with pytest.raises(SQLIntegrityError):
            await add("next")
    else:
        assert (await add("next")).id > last + 1


async def test_a_listener_sees_the_instance(writer: Writer) -> None:
    """A mapper's listener for new rows is called, so the row is made as an instance."""
    seen: list[str] = []

    def note(_: Any, __: Any, label: Label) -> None:
        seen.append(label.slug)

    event.listen(Label, "before_insert", note)
    try:
        assert (await put(writer, "a", "one")).created
    finally:
        event.remove(Label, "before_insert", note)
    assert seen == ["a"]


async def test_a_listener_of_the_session_sees_the_instance(writer: Writer) -> None:
    """A listener for flushes finds the new row in the session."""
    seen: list[object] = []

    def note(session: Session, *_: Any) -> None:
        seen.extend(session.new)

    event.listen(Session, "before_flush", note)
    try:
        entity, _ = await put(writer, "a", "one")
    finally:
        event.remove(Session, "before_flush", note)
    assert seen == [entity]
