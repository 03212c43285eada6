"""Filters against real rows, through a service, in an app of the usual shape."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from advanced_alchemy.base import UUIDAuditBase
from advanced_alchemy.filters import FilterTypes
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import OffsetPagination, SQLAlchemyAsyncRepositoryService
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.wiring.filters import FieldNameType, FilterConfig, provide_filters


class FilteredAuthor(UUIDAuditBase):
    name: Mapped[str] = mapped_column(String(100))
    age: Mapped[int | None]
    is_active: Mapped[bool]
    password_hash: Mapped[str] = mapped_column(String(100))


class AuthorRead(BaseModel):
    id: UUID
    name: str


class AuthorService(SQLAlchemyAsyncRepositoryService[FilteredAuthor]):
    class Repository(SQLAlchemyAsyncRepository[FilteredAuthor]):
        model_type = FilteredAuthor

    repository_type = Repository


CONFIG: FilterConfig = {
    "id_filter": UUID,
    "created_at": True,
    "pagination_type": "limit_offset",
    "pagination_size": 3,
    "search": "name",
    "search_ignore_case": True,
    "search_escape_wildcards": True,
    "sort_field": ["name", "age"],
    "sort_order": "asc",
    "sort_nulls": "last",
    "in_fields": [FieldNameType("age", int)],
    "not_in_fields": ["name"],
    "boolean_fields": ["is_active"],
}


def author(number: int, name: str, age: int | None, *, is_active: bool) -> FilteredAuthor:
    created_at = datetime(2024, number, 1, tzinfo=UTC)
    return FilteredAuthor(
        id=UUID(int=number),
        name=name,
        age=age,
        is_active=is_active,
        password_hash=f"{9 - number}",
        created_at=created_at,
        updated_at=created_at,
    )


@asynccontextmanager
async def filled(engine: AsyncEngine) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(FilteredAuthor.metadata.tables["filtered_author"].create)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all(
            [
                author(1, "Ada", 36, is_active=True),
                author(2, "Bo_b", None, is_active=False),
                author(3, "Cem", 20, is_active=True),
                author(4, "Bobby", 50, is_active=True),
            ]
        )
    yield
    await engine.dispose()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'authors.sqlite'}")
    app = FastAPI(lifespan=lambda _: filled(engine))

    async def provide_authors() -> AsyncIterator[AuthorService]:
        async with AsyncSession(engine) as session:
            yield AuthorService(session=session)

    @app.get("/authors", response_model=OffsetPagination[AuthorRead])
    async def list_authors(
        authors: Annotated[AuthorService, Depends(provide_authors)],
        filters: Annotated[list[FilterTypes], Depends(provide_filters(CONFIG))],
    ) -> OffsetPagination[FilteredAuthor]:
        results, total = await authors.get_many_and_count(*filters)
        return authors.to_schema(results, total, filters=filters)

    with TestClient(app) as client:
        yield client


def names(client: TestClient, query: str) -> list[str]:
    response = client.get(f"/authors?{query}")
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Ada", "Bo_b", "Bobby"]),
        ("currentPage=2", ["Cem"]),
        ("pageSize=1&currentPage=3", ["Bobby"]),
        ("sortOrder=desc&pageSize=1", ["Cem"]),
        ("orderBy=age&pageSize=9", ["Cem", "Ada", "Bobby", "Bo_b"]),
        ("orderBy=age&sortOrder=desc&pageSize=9", ["Bobby", "Ada", "Cem", "Bo_b"]),
        ("searchString=BO", ["Bo_b", "Bobby"]),
        ("searchString=BO&searchIgnoreCase=false", ["Bo_b", "Bobby"]),
        ("searchString=_", ["Bo_b"]),
        (f"ids={UUID(int=3)}&ids={UUID(int=1)}", ["Ada", "Cem"]),
        ("ageIn=20&ageIn=36", ["Ada", "Cem"]),
        ("nameNotIn=Ada&nameNotIn=Bobby", ["Bo_b", "Cem"]),
        ("isActive=false", ["Bo_b"]),
        ("createdAfter=2024-03-01T00:00:00Z", ["Bobby"]),
        ("createdAfter=2024-02-29T23:00:00-01:00", ["Bobby"]),
        ("createdBefore=2024-02-01T00:00:01", ["Ada", "Bo_b"]),
        ("createdAfter=2024-01-15&createdBefore=20240215", ["Bo_b"]),
    ],
)
def test_rows(client: TestClient, query: str, expected: list[str]) -> None:
    """Each filter keeps, orders and cuts the rows that it names."""
    assert names(client, query) == expected


def test_total_counts_all_pages(client: TestClient) -> None:
    """The page says how many rows match in all, and which part of them it is."""
    page: dict[str, Any] = client.get("/authors?isActive=true&pageSize=2&currentPage=2").json()
    assert {key: page[key] for key in ("total", "limit", "offset")} == {
        "total": 3,
        "limit": 2,
        "offset": 2,
    }


@pytest.mark.parametrize(
    "field", ["password_hash", "created_at", "nope", "__init__", "metadata", "to_dict", "Name", ""]
)
def test_undeclared_sort_field(client: TestClient, field: str) -> None:
    """Sorting by a field that is not declared is a 422 that names the parameter and the choices."""
    response = client.get("/authors", params={"orderBy": field})
    assert response.status_code == 422
    [error] = response.json()["detail"]
    assert error["loc"] == ["query", "orderBy"]
    assert error["msg"] == "Input should be 'name' or 'age'"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("ids=7", "ids"),
        ("createdAfter=yesterday", "createdAfter"),
        ("createdBefore=", "createdBefore"),
        ("createdAfter=0001-01-01T00:00:00%2B14:00", "createdAfter"),
        ("createdBefore=9999-12-31T23:00:00-14:00", "createdBefore"),
        ("currentPage=0", "currentPage"),
        ("pageSize=0", "pageSize"),
        ("pageSize=many", "pageSize"),
        ("searchIgnoreCase=perhaps", "searchIgnoreCase"),
        ("sortOrder=up", "sortOrder"),
        ("ageIn=old", "ageIn"),
        ("isActive=perhaps", "isActive"),
    ],
)
def test_unreadable_value(client: TestClient, query: str, parameter: str) -> None:
    """A value that its parameter cannot hold is a 422 that names the parameter and has a type."""
    response = client.get(f"/authors?{query}")
    assert response.status_code == 422
    [error] = response.json()["detail"]
    assert error["loc"][:2] == ["query", parameter]
    assert {"type", "msg", "input"} <= error.keys()
