"""What upstream's filters answer with a 500, shown on them and shown to be gone here.

Every test runs against both packages. It asserts what upstream does too, so that the day upstream
mends it the test says so.
"""

import importlib
from collections.abc import AsyncGenerator
from inspect import signature
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Query
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from holdfast import base, repository, service
from holdfast.errors import ConfigurationError


class DefectSong(base.BigIntBase):
    """It has no ``created_at``."""


class SongRepository(repository.SQLAlchemyAsyncRepository[DefectSong]):
    model_type = DefectSong


@pytest.fixture(
    params=["advanced_alchemy.extensions.fastapi.providers", "holdfast.providers"],
    ids=["upstream", "here"],
)
def package(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def provide(package: str) -> Any:
    return importlib.import_module(package).provide_filters


@pytest.fixture
def is_upstream(package: str) -> bool:
    return package.startswith("advanced_alchemy")


@pytest.fixture
async def engine() -> AsyncGenerator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    async with engine.begin() as connection:
        await connection.run_sync(DefectSong.metadata.tables["defect_song"].create)
    yield engine
    await engine.dispose()


def listing(provided: Any, engine: AsyncEngine) -> TestClient:
    app = FastAPI()

    @app.get("/")
    async def list_songs(filters: Annotated[list[Any], Depends(provided)]) -> Any:
        async with AsyncSession(engine) as session:
            found, total = await SongRepository(session=session).get_many_and_count(*filters)
        return service.OffsetPagination(
            items=[song.id for song in found], limit=1, offset=0, total=total
        )

    return TestClient(app, raise_server_exceptions=False)


async def test_12_very_large_page_number(
    provide: Any, is_upstream: bool, engine: AsyncEngine
) -> None:
    """A page number beyond what a driver can bind: upstream fails, here it is a 422."""
    http = listing(provide({"pagination_type": "limit_offset"}), engine)
    assert http.get("/?currentPage=2").status_code == 200
    status = http.get(f"/?currentPage={10**24}").status_code
    assert status == (500 if is_upstream else 422)


async def test_12_page_size_without_maximum(
    provide: Any, is_upstream: bool, engine: AsyncEngine
) -> None:
    """A page of a million rows: upstream reads them, here it is a 422."""
    http = listing(provide({"pagination_type": "limit_offset"}), engine)
    assert http.get("/?pageSize=100").status_code == 200
    assert http.get("/?pageSize=1000000").status_code == (200 if is_upstream else 422)


async def test_12_sorting(provide: Any, is_upstream: bool, engine: AsyncEngine) -> None:
    """Sort fields: upstream fails on undeclared ones, or at import; here they are a 422."""
    if is_upstream and "extra" not in signature(Query).parameters:
        with pytest.raises(TypeError, match="required"):
            provide({"sort_field": "id"})
        return
    http = listing(provide({"sort_field": "id"}), engine)
    for field in ("metadata", "__init__", "to_dict", "nope"):
        status = http.get(f"/?orderBy={field}").status_code
        assert status == (500 if is_upstream else 422)


async def test_13_filter_by_a_missing_column(
    provide: Any, is_upstream: bool, engine: AsyncEngine
) -> None:
    """A date filter on a model without the column: upstream answers 500, here it cannot be made."""
    if is_upstream:
        http = listing(provide({"created_at": True}), engine)
        assert http.get("/?createdAfter=2024-01-01").status_code == 500
        return
    with pytest.raises(ConfigurationError, match="DefectSong has no column 'created_at'"):
        provide({"created_at": True, "model": DefectSong})


async def test_13_unreadable_date(provide: Any, is_upstream: bool, engine: AsyncEngine) -> None:
    """The error for a text that is no date: upstream's lacks a type, here it has one."""
    http = listing(provide({"created_at": True}), engine)
    answer = http.get("/?createdAfter=yesterday")
    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert ("type" in error) is not is_upstream
