"""Scopes whose dependency returns criteria of any form, and what is checked of them."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from sqlalchemy import ColumnElement, or_, select

from holdfast.errors import ConfigurationError
from tests.crud.library_api import Library, opened_library
from tests.crud.tenants import (
    Shelf,
    Topic,
    Work,
    WorkWriteOfTenant,
    Writer,
    WriterWrite,
    works_router,
    writers_router,
)
from tests.library import ENGINES

pytestmark = pytest.mark.filterwarnings("ignore:PUT creates a")

SEED = (
    (
        "INSERT INTO tenant_writer (id, tenant_id, slug, name, version) VALUES"
        " (21, 2, 'theirs', 'Theirs', 1), (22, 2, 'shared', 'Shared', 1),"
        " (11, 1, 'mine', 'Mine', 1)"
    ),
    (
        "INSERT INTO tenant_work (id, tenant_id, title, writer_id) VALUES"
        " (111, 1, 'Mine', 11), (122, 1, 'Mine', 22), (211, 2, 'Theirs', 21)"
    ),
)


def by_alternative() -> Any:
    return or_(Writer.tenant_id == 1, Writer.name == "Shared")


def by_subquery() -> Any:
    return [Writer.id.in_(select(Work.writer_id).where(Work.tenant_id == 1))]


def by_several() -> Any:
    return [Writer.tenant_id < 3, Writer.name.in_(["Mine", "Shared"])]


CRITERIA = (by_alternative, by_subquery, by_several)


@pytest.fixture(params=ENGINES, scope="module")
async def opened(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tenants' tables, for every engine."""
    async with opened_library(request.param, request, Shelf.metadata) as library:
        yield library


@pytest.fixture
def shelf(opened: Library) -> Library:
    """Give the same with the rows of `SEED`."""
    opened.query("UPDATE tenant_writer SET mentor_id = NULL")
    opened.empty()
    for statement in SEED:
        opened.query(statement)
    return opened


@pytest.mark.parametrize("criteria", CRITERIA)
async def test_criteria_of_any_form_hold_for_reads_and_writes(
    shelf: Library, criteria: Callable[[], Any]
) -> None:
    """A row that they leave out is neither found, nor changed, nor taken over, nor referred to."""
    app, alchemy = shelf.app()
    app.include_router(writers_router(alchemy, criteria, create=WriterWrite, put=WriterWrite))
    app.include_router(works_router(alchemy, works_of(criteria), create=WorkWriteOfTenant))
    async with shelf.client(app) as http:
        listed = (await http.get("/writers?sort=name")).json()
        assert ([row["id"] for row in listed["items"]], listed["total"]) == ([11, 22], 2)
        assert (await http.get("/writers?works.title=Theirs")).json()["items"] == []
        theirs = {"slug": "s", "name": "Mine", "tenant_id": 1}
        for key in (21, 98):
            assert (await http.get(f"/writers/{key}")).status_code == 404
            assert (await http.patch(f"/writers/{key}", json={"name": "T"})).status_code == 404
            assert (await http.delete(f"/writers/{key}")).status_code == 404
            referring = await http.patch("/works/111", json={"writer_id": key})
            assert referring.status_code == 409
        assert (await http.put("/writers/21", json=theirs)).status_code == 404
        own = {"slug": "mine", "name": "Mine", "tenant_id": 1}
        put = await http.put("/writers/11", json=own)
        assert (put.status_code, put.json()["name"]) == (200, "Mine")
        assert (await http.patch("/works/111", json={"writer_id": 22})).status_code == 200
    assert shelf.query("SELECT name, version FROM tenant_writer WHERE id = 21") == [("Theirs", 1)]


def works_of(criteria: Callable[[], Any]) -> Callable[[], Any]:
    """Return the criteria, with one for works and topics."""

    def both() -> Any:
        made = criteria()
        each = made if isinstance(made, list) else [made]
        return [*each, Work.tenant_id.in_([1]), Topic.tenant_id.in_([1])]

    return both


async def test_a_write_that_criteria_leave_out_is_refused(shelf: Library) -> None:
    """A new row, a change, a PUT and one of many that would lie outside is a 422, and undone."""
    app, alchemy = shelf.app()
    router = writers_router(alchemy, by_alternative, create=WriterWrite, put=WriterWrite)
    app.include_router(router)
    out = {"slug": "n", "name": "Mine", "tenant_id": 2}
    async with shelf.client(app) as http:
        answers = [
            await http.post("/writers", json=out),
            await http.put("/writers/5", json=out),
            await http.put("/writers/11", json=out),
            await http.patch("/writers/11", json={"tenant_id": 2}),
            await http.post("/writers/bulk", json=[{**out, "tenant_id": 1}, {**out, "slug": "m"}]),
            await http.patch("/writers", json=[{"id": 11, "changes": {"tenant_id": 2}}]),
        ]
        told = [a.json() for a in answers]
        assert [a.status_code for a in answers] == [422] * 6
        assert {problem["type"].rpartition(":")[2] for problem in told[:4]} == {"outside-scope"}
        moved = {"tenant_id": 2, "name": "Shared"}
        assert (await http.patch("/writers/11", json=moved)).status_code == 200
    assert shelf.query("SELECT COUNT(*) FROM tenant_writer") == [(3,)]


@pytest.fixture(params=("sqlite",), scope="module")
async def opened_sqlite(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tenants' tables in SQLite, for what is the same everywhere."""
    async with opened_library(request.param, request, Shelf.metadata) as library:
        yield library


async def refusal(shelf: Library, made: Any, **options: Any) -> str:
    """Return what the first request of a router raises whose scope gives criteria."""
    app, alchemy = shelf.app()
    app.include_router(writers_router(alchemy, lambda: made, **options))
    async with shelf.client(app) as http:
        with pytest.raises(ConfigurationError) as raised:
            await http.get("/writers")
    return str(raised.value)


async def test_the_first_request_tells_that_criteria_do_not_fit(opened_sqlite: Library) -> None:
    """What a `Scope` is refused for when a router is built, criteria are refused for then."""
    shelf = opened_sqlite
    about_another: ColumnElement[bool] = Work.tenant_id == 1
    told = await refusal(shelf, about_another)
    assert "says nothing about Writer" in told
    assert "Return a criterion for it too, such as `Writer.tenant_id == ...`" in told
    told = await refusal(shelf, [Writer.tenant_id == 1, Work.tenant_id == 1])
    assert "Topic, which the routes of Writer read, has a column tenant_id" in told
    assert "`Topic.tenant_id.is_not(None)` where everybody may see its rows" in told
    told = await refusal(shelf, None)
    assert "is None, which is no SQL expression. Return criteria" in told
    every = [Writer.tenant_id.in_([1]), Work.tenant_id.in_([1]), Topic.tenant_id.in_([1])]
    slugless = {"create": None, "put": None, "update": None, "bulk": 1}
    app, alchemy = shelf.app()
    app.include_router(writers_router(alchemy, lambda: every, **slugless))
    async with shelf.client(app) as http:
        assert (await http.get("/writers")).status_code == 200


async def test_no_criteria_mean_every_row(opened_sqlite: Library) -> None:
    """An administrator's dependency may return none."""
    opened_sqlite.empty()
    for statement in SEED:
        opened_sqlite.query(statement)
    app, alchemy = opened_sqlite.app()
    app.include_router(writers_router(alchemy, lambda: ()))
    async with opened_sqlite.client(app) as http:
        assert (await http.get("/writers")).json()["total"] == 3
