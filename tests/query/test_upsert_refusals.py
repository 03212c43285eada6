"""PUTs that are refused, on real engines: what nobody may take over, and what is not as it was."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from advanced_alchemy.exceptions import IntegrityError
from sqlalchemy import or_

from holdfast.errors import ConfigurationError
from holdfast.problems import ProblemError
from holdfast.query.preconditions import Precondition, etag_of
from holdfast.query.scope import RowScope
from holdfast.query.upsert import Upserted, check_upsert, upsert_row
from tests.query.labels import Label, LabelBase, tenant
from tests.query.puts import BY_SLUG, hooked, on_create, put, refused, refused_by_id, rows
from tests.query.writers import DRIVERS, Writer, opened, service_class


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, LabelBase.metadata) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(LabelBase.metadata)
    return tables


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


def test_a_key_needs_a_unique_constraint() -> None:
    """A key that two rows may have is refused when the router is built."""
    service = service_class(Label, {}, is_async=True)
    check_upsert(service)
    check_upsert(service, BY_SLUG, ["tenant_id"])
    with pytest.raises(ConfigurationError, match=r"a unique constraint on \(slug\) of Label"):
        check_upsert(service, BY_SLUG)
    own = service_class(Label, {"to_model_on_upsert": on_create}, is_async=False)
    with pytest.raises(ConfigurationError, match="Override `to_model_on_create`"):
        check_upsert(own)
