"""Nested writes within a scope: no child of another tenant is taken, changed or removed."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from holdfast import Scope
from holdfast.errors import ConfigurationError
from tests.crud.library_api import Library, opened_library
from tests.crud.tenants import BY_VALUE, Shelf, Topic, Writer, tenant, writers_router
from tests.library import ENGINES

# Of writer 11 two works, one of them another tenant's.
SEED = (
    (
        "INSERT INTO tenant_writer (id, tenant_id, slug, name, version) VALUES"
        " (11, 1, 'mine', 'Mine', 1), (21, 2, 'theirs', 'Theirs', 1)"
    ),
    (
        "INSERT INTO tenant_work (id, tenant_id, title, writer_id) VALUES"
        " (111, 1, 'Mine', 11), (112, 2, 'Theirs', 11), (211, 2, 'Theirs', 21)"
    ),
)
OF_OTHERS = "SELECT id, title, writer_id FROM tenant_work WHERE tenant_id = 2 ORDER BY id"


class WorkNested(BaseModel):
    """A work within its writer."""

    id: int | None = None
    title: str = "New"


class WriterNested(BaseModel):
    """A writer as it is sent, with its works."""

    slug: str = "s"
    name: str = "Ann"
    works: list[WorkNested] = []


class WriterChange(BaseModel):
    """What of a writer under its slug is written."""

    name: str = "Ann"
    works: list[WorkNested] = []


def nested(alchemy: Any, scope: Any = BY_VALUE) -> Any:
    """Make a router whose writers are written with their works."""
    return writers_router(
        alchemy,
        scope,
        create=WriterNested,
        update=WriterChange,
        put=WriterChange,
        key=Writer.slug,
        nested=[Writer.works],
    )


@pytest.fixture(params=ENGINES, scope="module")
async def opened(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tenants' tables, for every engine."""
    async with opened_library(request.param, request, Shelf.metadata) as library:
        yield library


@pytest.fixture
async def http(opened: Library) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give a client of tenant 1, and see that the works of tenant 2 stay as they are."""
    opened.query("UPDATE tenant_writer SET mentor_id = NULL")
    opened.empty()
    for statement in SEED:
        opened.query(statement)
    app, alchemy = opened.app()
    app.include_router(nested(alchemy))
    before = opened.query(OF_OTHERS)
    async with opened.client(app, headers={"x-tenant": "1"}) as client:
        yield client
    assert opened.query(OF_OTHERS) == before


@pytest.mark.parametrize("theirs", [211, 112])
async def test_a_child_of_another_tenant_is_as_one_that_is_not_there(
    http: httpx2.AsyncClient, opened: Library, theirs: int
) -> None:
    """Even one that hangs on the tenant's own row, in every write, one or many."""
    for method, path, many in (
        ("PATCH", "/writers/mine", False),
        ("PUT", "/writers/mine", False),
        ("PATCH", "/writers", True),
        ("PUT", "/writers/new", False),
    ):
        answers = []
        for key in (theirs, 999):
            body: Any = {"name": "X", "works": [{"id": key, "title": "Taken"}]}
            sent: Any = [{"slug": "mine", "changes": body}] if many else body
            got = await http.request(method, path, json=sent)
            answers.append((got.status_code, got.json()))
        assert answers[0] == answers[1]
        assert answers[0][0] == 422, (method, path)
    assert opened.query("SELECT name FROM tenant_writer WHERE tenant_id = 1") == [("Mine",)]


async def test_replacing_the_list_leaves_what_the_scope_hides(
    http: httpx2.AsyncClient, opened: Library
) -> None:
    """The whole list is the whole of what the tenant sees; new children are the tenant's."""
    for method in ("PATCH", "PUT"):
        body = {"name": "Mine", "works": [{"title": method}]}
        changed = await http.request(method, "/writers/mine", json=body)
        assert changed.status_code == 200
        own = opened.query("SELECT title FROM tenant_work WHERE tenant_id = 1")
        assert own == [(method,)]


def test_the_scope_names_what_is_nested(opened: Library) -> None:
    """A relation that is only written has to be divided as well."""
    _, alchemy = opened.app()
    told = "Work, which the routes of Writer read|Work, which the routes of Writer write"
    with pytest.raises(ConfigurationError, match=told):
        nested(alchemy, Scope(tenant, Writer.tenant_id, Topic.tenant_id))
