"""Deleting rows that refer to themselves, or to each other."""

from collections.abc import AsyncGenerator

import pytest

from tests.crud.library_api import Library, opened_library
from tests.crud.tenants import BY_VALUE, Shelf, writers_router
from tests.library import ENGINES

ROWS = (
    "INSERT INTO tenant_writer (id, tenant_id, slug, name, version) VALUES"
    " (1, 1, 'a', 'A', 1), (2, 1, 'b', 'B', 1), (3, 1, 'c', 'C', 1)"
)


@pytest.fixture(params=ENGINES, scope="module")
async def shelf(request: pytest.FixtureRequest) -> AsyncGenerator[Library]:
    """Give the tenants' tables, for every engine."""
    async with opened_library(request.param, request, Shelf.metadata) as library:
        yield library


async def test_no_cycle_of_rows_is_a_mistake_of_the_server(shelf: Library) -> None:
    """A row that is its own mentor is deleted, on MariaDB refused; two of each other are kept."""
    shelf.query(ROWS)
    app, alchemy = shelf.app()
    app.include_router(writers_router(alchemy, BY_VALUE, put=None))
    async with shelf.client(app, headers={"x-tenant": "1"}) as http:
        for key, mentor in ((1, 1), (2, 3), (3, 2)):
            changed = await http.patch(f"/writers/{key}", json={"mentor_id": mentor})
            assert changed.status_code == 200
        for path in ("/writers/2", "/writers?id=2&id=3"):
            refused = await http.delete(path)
            assert refused.status_code == 409
        itself = await http.delete("/writers/1")
        minds = shelf.engine.name in {"mysql", "mariadb"}
        assert itself.status_code == (409 if minds else 204)
        assert (await http.patch("/writers/2", json={"mentor_id": None})).status_code == 200
        assert (await http.delete("/writers?id=2&id=3")).status_code == 204
