"""Dates, ids and numbers that a column cannot hold, in filters that the example lacks."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import httpx2
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import DateTime, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from holdfast import (
    AdvancedAlchemy,
    FieldNameType,
    SQLAlchemyAsyncConfig,
    base,
    filters,
    problems,
    repository,
    service,
)
from holdfast.testing import client
from tests.asgi import request
from tests.engines.database import Database
from tests.hostile.conftest import checked_out
from tests.hostile.promises import check_answer
from tests.hostile.values import QUERY_VALUES

TIMES = (
    "0000-01-01T00:00:00Z",
    "0000-00-00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01",
    "-0001-01-01T00:00:00Z",
    "1582-10-10",
    "1969-12-31T23:59:59.999999999Z",
    "2024-02-30",
    "2016-12-31T23:59:60Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:00+99:99",
    "2024-W09-4",
    "20240229",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "99999999999999",
    "-99999999999999",
    "1e20",
    "now",
    "infinity",
    "-infinity",
    "epoch",
)
PARAMETERS = (
    "ids",
    "createdBefore",
    "createdAfter",
    "updatedBefore",
    "rankIn",
    "rankNotIn",
    "ownerIn",
    "notedAtIn",
    "notedAtNotIn",
    "hidden",
)
INT64 = 2**63


class Record(base.BigIntAuditBase):
    __tablename__ = "hostile_record"

    rank: Mapped[int] = mapped_column(SmallInteger)
    owner: Mapped[UUID]
    noted_at: Mapped[datetime] = mapped_column(DateTime)
    hidden: Mapped[bool]


class RecordRead(BaseModel):
    id: int
    rank: int


class RecordService(service.SQLAlchemyAsyncRepositoryService[Record]):
    class Repository(repository.SQLAlchemyAsyncRepository[Record]):
        model_type = Record

    repository_type = Repository


def make_app(url: str) -> tuple[FastAPI, AdvancedAlchemy]:
    """Make an application with every kind of filter over columns of every size."""
    app = FastAPI()
    problems.install(app)
    config = SQLAlchemyAsyncConfig(connection_string=url, create_all=True)
    alchemy = AdvancedAlchemy(config=config, app=app)
    provide_filters = alchemy.provide_filters(
        {
            "model": Record,
            "id_filter": int,
            "created_at": True,
            "updated_at": True,
            "pagination_type": "limit_offset",
            "sort_field": ["id"],
            "in_fields": [
                FieldNameType("rank", int),
                FieldNameType("owner", UUID),
                FieldNameType("noted_at", datetime),
            ],
            "not_in_fields": [
                FieldNameType("rank", int),
                FieldNameType("noted_at", datetime),
            ],
            "boolean_fields": ["hidden"],
        }
    )

    @app.get("/records")
    async def records(
        found: Annotated[list[filters.FilterTypes], Depends(provide_filters)],
        all_records: Annotated[RecordService, Depends(alchemy.provide_service(RecordService))],
    ) -> service.OffsetPagination[RecordRead]:
        rows, total = await all_records.get_many_and_count(*found)
        return all_records.to_schema(rows, total, filters=found, schema_type=RecordRead)

    return app, alchemy


@pytest.fixture
def made(async_database: Database) -> tuple[FastAPI, AdvancedAlchemy]:
    """Give the application and its extension."""
    return make_app(async_database.url)


@pytest.fixture
async def records(
    made: tuple[FastAPI, AdvancedAlchemy],
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Give a client of the application with three records of the year 2024."""
    app, alchemy = made
    moment = datetime(2024, 2, 29, 12, tzinfo=UTC)
    async with client(app) as http:
        async with alchemy.transaction() as session:
            session.add_all(
                Record(
                    rank=rank,
                    owner=UUID(int=rank),
                    noted_at=moment.replace(tzinfo=None),
                    hidden=False,
                    created_at=moment,
                    updated_at=moment,
                )
                for rank in (1, 2, 3)
            )
        yield http
        assert checked_out(alchemy) == 0


async def total(http: httpx2.AsyncClient, query: str) -> int | None:
    """Return how many records a query finds; None for one that is refused."""
    response = await http.get(f"/records?{query}")
    check_answer(response.status_code, response.headers, response.content)
    if response.status_code == 200:
        found: int = response.json()["total"]
        return found
    assert response.status_code == 422
    return None


async def test_any_value_in_any_filter(records: httpx2.AsyncClient) -> None:
    """Whatever a filter is given, the answer is a page or a 422."""
    for name in PARAMETERS:
        for value in (*QUERY_VALUES, *map(quote, TIMES)):
            await total(records, f"{name}={value}")
    assert await total(records, "") == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("createdAfter=0001-01-01T00:00:00Z", 3),
        ("createdBefore=0001-01-01T00:00:00Z", 0),
        ("createdAfter=9999-12-31T23:59:59.999999Z", 0),
        ("createdBefore=9999-12-31T23:59:59.999999Z", 3),
        ("createdAfter=0000-01-01T00:00:00Z", None),
        ("createdBefore=10000-01-01T00:00:00Z", None),
        ("createdAfter=0001-01-01T00:00:00%2B14:00", None),
        ("createdBefore=9999-12-31T23:59:59-14:00", None),
        ("notedAtIn=2024-02-29T12:00:00Z", 3),
        ("notedAtNotIn=0001-01-01", 3),
    ],
)
async def test_dates_at_the_ends_of_time(
    records: httpx2.AsyncClient, query: str, expected: int | None
) -> None:
    """The first and the last moment that a database knows can be asked for, none beyond them."""
    assert await total(records, query) == expected


@pytest.mark.parametrize("name", ["ids", "rankIn"])
async def test_numbers_beyond_the_column(records: httpx2.AsyncClient, name: str) -> None:
    """A number that 64 bits hold is looked for and not found; one that they do not is refused."""
    for number in (2**15, -(2**15) - 1, 2**31, 2**40, INT64 - 1, -INT64):
        assert await total(records, f"{name}={number}") == 0
    for digits in (f"{INT64}", f"{-INT64 - 1}", "9" * 400, "9" * 5000):
        assert await total(records, f"{name}={digits}") is None


async def test_10_000_ids(
    records: httpx2.AsyncClient, made: tuple[FastAPI, AdvancedAlchemy]
) -> None:
    """Five hundred ids can be asked for at once, not ten thousand."""
    for name, found in (("ids", 3), ("rankIn", 3), ("rankNotIn", 0)):
        query = "&".join(f"{name}={number}" for number in range(10_000))
        # Past the client, which itself refuses to send so long a URL.
        answer = await request(made[0], path=f"/records?{query}")
        assert answer.status == 422
        check_answer(answer.status, answer.headers, answer.body)
        query = "&".join(f"{name}={number}" for number in range(500))
        assert await total(records, query) == found


async def test_pages_of_every_kind(records: httpx2.AsyncClient) -> None:
    """A page is what it says, or is refused because of its size or its depth."""
    numbers = (-(2**63), -1, 0, 1, 2, 3, 100, 101, 10_001, 1_000_001, 2**31, 2**63, 10**30)
    for number in numbers:
        for size in numbers:
            response = await records.get(f"/records?currentPage={number}&pageSize={size}")
            check_answer(response.status_code, response.headers, response.content)
            offset = (number - 1) * size
            if 1 <= size <= 100 and 0 <= offset <= 1_000_000 and number >= 1:
                page: dict[str, Any] = response.json()
                assert (page["limit"], page["offset"]) == (size, offset)
                assert len(page["items"]) == max(0, min(size, 3 - offset))
            else:
                assert response.status_code == 422, (number, size)
