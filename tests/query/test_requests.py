"""Upserts and bulk writes in requests: what their savepoints leave is what is committed."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.query.bulk_create import create_rows
from holdfast.query.upsert import upsert_row
from holdfast.testing import client
from tests.query.explanation import explain
from tests.query.labels import Label, LabelBase, tenant
from tests.query.puts import BY_SLUG, hooked, rows
from tests.query.writers import Writer, opened, service_class


@pytest.fixture(params=("aiosqlite", "asyncpg", "asyncmy"), scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, LabelBase.metadata) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(LabelBase.metadata)
    return tables


def application(writer: Writer, members: dict[str, Any]) -> FastAPI:
    app = FastAPI()
    assert isinstance(writer.engine, AsyncEngine)
    alchemy = AdvancedAlchemy(
        config=SQLAlchemyAsyncConfig(engine_instance=writer.engine, commit_mode="autocommit"),
        app=app,
    )
    provide = alchemy.provide_service(service_class(Label, members, is_async=True))
    retried = [Depends(alchemy.options(retry=True))]

    @app.put("/labels/{slug}", dependencies=retried)
    async def put(
        slug: str, text: str, service: Annotated[Any, Depends(provide)], response: Response
    ) -> int:
        _, created = await service.repository.session.run_sync(
            lambda _: upsert_row(
                service, slug, {"text": text}, scope=tenant(1), key_attributes=BY_SLUG
            )
        )
        response.status_code = 201 if created else 200
        return response.status_code

    @app.post("/labels", status_code=201)
    async def create(items: list[dict[str, Any]], service: Annotated[Any, Depends(provide)]) -> int:
        made = await service.repository.session.run_sync(
            lambda _: create_rows(service, items, scope=tenant(1), explain=explain)
        )
        return len(made)

    return app


@pytest.mark.parametrize("has_hook", [False, True], ids=["plain", "hooked"])
async def test_concurrent_requests_for_a_new_key(writer: Writer, *, has_hook: bool) -> None:
    """Of twenty requests one is answered with 201 and the others with 200, and all are stored."""
    app = application(writer, hooked(writer) if has_hook else {})
    async with client(app) as http:
        answers = await asyncio.gather(
            *(http.put("/labels/a", params={"text": f"text {n}"}) for n in range(20))
        )
    statuses = Counter(answer.status_code for answer in answers)
    busy = statuses.pop(503, 0)
    # Without a hook nobody has to be run again, so nobody gives up.
    assert busy == 0 or has_hook
    assert statuses == {201: 1, 200: 19 - busy}
    assert [version for *_, version in rows(writer)] == [20 - busy]


async def test_a_failing_item_leaves_nothing(writer: Writer) -> None:
    """The answer tells the failing items as a problem, and the next request finds no row."""
    items = [{"slug": slug, "text": "t"} for slug in ("a", "b", "a")]
    async with client(application(writer, {})) as http:
        refused = await http.post("/labels", json=items)
        assert (refused.status_code, refused.json()["errors"][0]["index"]) == (409, 2)
        assert refused.headers["content-type"] == "application/problem+json"
        assert rows(writer) == []
        assert (await http.post("/labels", json=items[:2])).status_code == 201
    assert len(rows(writer)) == 2
