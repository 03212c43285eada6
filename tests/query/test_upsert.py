"""PUT on real engines: one row a key, and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from advanced_alchemy.exceptions import IntegrityError
from pydantic import BaseModel
from sqlalchemy import event, or_
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemError
from holdfast.query.preconditions import Precondition, etag_of
from holdfast.query.scope import RowScope
from holdfast.query.upsert import Upserted, check_upsert, upsert_row
from tests.query.labels import Label, LabelBase, tenant
from tests.query.writers import DRIVERS, Writer, opened, service_class

BY_SLUG = (Label.slug,)


class Content(BaseModel):
    text: str
    code: str | None = None


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, LabelBase.metadata) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(LabelBase.metadata)
    return tables


def _on_create(_: Any, data: Any) -> Any:
    return {**data, "text": f"{data['text']}!"}


async def _on_create_async(_: Any, data: Any) -> Any:
    return _on_create(_, data)


def hooked(writer: Writer) -> dict[str, Any]:
    """Return members of a service that is no plain INSERT and UPDATE."""
    return {"to_model_on_create": _on_create_async if writer.is_async else _on_create}


async def put(
    writer: Writer, slug: str, text: str, *, members: Any = None, owner: int = 1, **options: Any
) -> Upserted:
    options = {"scope": tenant(owner), "key_attributes": BY_SLUG, **options}
    data = Content(text=text, code=options.pop("code", None))
    return await writer.run(
        Label, lambda service: upsert_row(service, slug, data, **options), members=members
    )


async def refused(writer: Writer, slug: str = "a", **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await put(writer, slug, "refused", **options)
    return refusal.value.problem


def rows(writer: Writer) -> list[tuple[Any, ...]]:
    found = writer.database.query("SELECT owner, slug, label_text, version FROM label ORDER BY id")
    return [tuple(row) for row in found]


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


@pytest.mark.parametrize("by_reading", [False, True], ids=["plain", "hooked"])
async def test_a_row_of_another_tenant_is_not_taken_over(
    writer: Writer,
    by_reading: bool,
) -> None:
    """A PUT by the primary key of somebody else's row is a 404, and leaves it alone."""
    entity, _ = await put(writer, "a", "mine")
    members = hooked(writer) if by_reading else None
    for criterion in (
        tenant(2),
        RowScope(or_(Label.tenant_id == 2, Label.text == "nobody's")),
        RowScope(Label.tenant_id.in_([2, 3])),
    ):
        problem = await refused_by_id(writer, entity.id, criterion, members)
        assert (problem.code, problem.status) == ("not-found", 404)
    assert rows(writer) == [(1, "a", "mine", 1)]


async def test_a_natural_key_of_another_tenant_is_not_taken_over(writer: Writer) -> None:
    """A key that is unique among all tenants is a 404 for those who do not see its row."""
    await put(writer, "a", "mine", code="c")
    data = {"text": "stolen", "slug": "b"}
    for members in (None, hooked(writer)):
        with pytest.raises(ProblemError) as refusal:
            await writer.run(
                Label,
                lambda service: upsert_row(
                    service, "c", data, scope=tenant(2), key_attributes=[Label.code]
                ),
                members=members,
            )
        assert refusal.value.problem.code == "not-found"
    assert rows(writer) == [(1, "a", "mine", 1)]


async def refused_by_id(writer: Writer, key: int, scope: RowScope, members: Any) -> Problem:
    data = {"text": "stolen", "slug": "b", "tenant_id": 2}
    with pytest.raises(ProblemError) as refusal:
        await writer.run(
            Label, lambda service: upsert_row(service, key, data, scope=scope), members=members
        )
    return refusal.value.problem


async def test_a_row_that_would_lie_outside_is_refused(writer: Writer) -> None:
    """What no value fixes is checked on the row: neither created nor moved out of the scope."""
    scope = RowScope(or_(Label.tenant_id == 1, Label.text == "everybody's"))

    async def try_put(text: str, owner: int) -> Upserted:
        data = {"text": text, "tenant_id": owner, "slug": "a"}
        return await writer.run(Label, lambda service: upsert_row(service, 7, data, scope=scope))

    with pytest.raises(ProblemError) as refusal:
        await try_put("mine", 2)
    assert refusal.value.problem.code == "outside-scope"
    assert (await try_put("mine", 1)).created
    with pytest.raises(ProblemError) as refusal:
        await try_put("mine", 2)
    assert refusal.value.problem.code == "outside-scope"
    assert rows(writer) == [(1, "a", "mine", 1)]


@pytest.mark.parametrize("by_reading", [False, True], ids=["plain", "hooked"])
async def test_a_deleted_row_stays_deleted(
    writer: Writer,
    by_reading: bool,
) -> None:
    """A PUT on a row that is marked as deleted is a 409 that says so, for its own tenant alone."""
    entity, _ = await put(writer, "a", "old")
    writer.database.query("UPDATE label SET deleted_at = '2026-01-01 00:00:00'")
    members = hooked(writer) if by_reading else None
    problem = await refused(writer, members=members)
    assert (problem.code, problem.status) == ("deleted-record", 409)
    assert (await refused_by_id(writer, entity.id, tenant(2), members)).code == "not-found"
    assert rows(writer) == [(1, "a", "old", 1)]


async def test_if_match_never_creates(writer: Writer) -> None:
    """With If-Match a missing row is a 412, as is an outdated version; the right one is changed."""
    wanted = Precondition.from_headers('"1"', None)
    assert (await refused(writer, precondition=wanted)).status == 412
    assert rows(writer) == []
    entity, _ = await put(writer, "a", "one")
    assert etag_of(entity) == '"1"'
    assert etag_of((await put(writer, "a", "two", precondition=wanted)).entity) == '"2"'
    assert (await refused(writer, precondition=wanted)).code == "precondition-failed"
    assert rows(writer) == [(1, "a", "two", 2)]


async def test_if_none_match_only_creates(writer: Writer) -> None:
    """With `If-None-Match: *` a row that exists is a 412, and of many requests one succeeds."""
    new = Precondition.from_headers(None, "*")
    count = 20 if writer.is_async else 2
    outcomes = await asyncio.gather(
        *(put(writer, "a", "one", precondition=new) for _ in range(count)), return_exceptions=True
    )
    refusals = [o.problem.status for o in outcomes if isinstance(o, ProblemError)]
    assert refusals == [412] * (count - 1)
    assert rows(writer) == [(1, "a", "one", 1)]
    assert (await refused_by_id(writer, 0, tenant(1), None)).code == "outside-scope"


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


async def test_another_taken_value_is_a_violation(writer: Writer) -> None:
    """A unique value of another row is the database's to refuse, and that row stays as it is."""
    await put(writer, "a", "one", code="taken")
    with pytest.raises(IntegrityError):
        await put(writer, "b", "two", code="taken")
    assert rows(writer) == [(1, "a", "one", 1)]


async def test_the_data_may_not_name_another_key(writer: Writer) -> None:
    """A key in the data that differs from the address is a 422 that names it."""
    with pytest.raises(ProblemError) as refusal:
        await writer.run(
            Label,
            lambda service: upsert_row(
                service, "a", {"slug": "b", "text": "t"}, key_attributes=BY_SLUG, scope=tenant(1)
            ),
        )
    problem = refusal.value.problem
    assert (problem.code, problem.extensions) == ("key-mismatch", {"fields": ["slug"]})


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


def test_a_key_needs_a_unique_constraint() -> None:
    """A key that two rows may have is refused when the router is built."""
    service = service_class(Label, {}, is_async=True)
    check_upsert(service)
    check_upsert(service, BY_SLUG, ["tenant_id"])
    with pytest.raises(ConfigurationError, match=r"a unique constraint on \(slug\) of Label"):
        check_upsert(service, BY_SLUG)
    own = service_class(Label, {"to_model_on_upsert": _on_create}, is_async=False)
    with pytest.raises(ConfigurationError, match="Override `to_model_on_create`"):
        check_upsert(own)
