"""Nothing that a client writes into the filters of a list is a 5xx, on any engine."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from httpx2 import AsyncClient
from pydantic import BaseModel
from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from holdfast import AdvancedAlchemy, base, filters, repository, service
from holdfast.testing import client
from holdfast.wiring.filters import ChoiceField, FieldNameType, FilterConfig
from tests.wiring.authors import async_config

INT64_MAX = 2**63 - 1


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class LimitedNote(base.BigIntAuditBase):
    name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(String(100))
    rank: Mapped[int] = mapped_column(default=0)
    share: Mapped[float] = mapped_column(default=0.5)
    read_at: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    mood: Mapped[Mood] = mapped_column(default=Mood.GOOD)


class NoteRead(BaseModel):
    id: int
    name: str


class NoteService(service.SQLAlchemyAsyncRepositoryService[LimitedNote]):
    class Repository(repository.SQLAlchemyAsyncRepository[LimitedNote]):
        model_type = LimitedNote

    repository_type = Repository


NOTES: FilterConfig = {
    "model": LimitedNote,
    "id_filter": int,
    "created_at": True,
    "pagination_type": "limit_offset",
    "search": ["name", "code"],
    "sort_field": ["name", "rank"],
    "in_fields": [
        "code",
        FieldNameType("rank", int),
        FieldNameType("share", float),
        FieldNameType("read_at", datetime),
    ],
    "not_in_fields": ["code", FieldNameType("read_at", datetime)],
    "choice_fields": [("mood", Mood), ChoiceField("code", ("a", "b"))],
}


@asynccontextmanager
async def notes(url: str, config: FilterConfig = NOTES) -> AsyncGenerator[AsyncClient]:
    """Serve two notes, whose list has the filters of a config."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(url), app)

    @app.get("/notes")
    async def list_notes(
        found: Annotated[NoteService, Depends(alchemy.provide_service(NoteService))],
        asked: Annotated[list[filters.FilterTypes], Depends(alchemy.provide_filters(config))],
    ) -> service.OffsetPagination[NoteRead]:
        results, total = await found.get_many_and_count(*asked)
        return found.to_schema(results, total, filters=asked, schema_type=NoteRead)

    async with client(app) as http:
        async with alchemy.transaction() as session:
            moment = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
            session.add_all(
                LimitedNote(id=number, name=name, code="a", read_at=moment)
                for number, name in ((1, "50%"), (2, "500"))
            )
        yield http


@pytest.fixture
async def http(async_url: str) -> AsyncGenerator[AsyncClient]:
    async with notes(async_url) as http:
        yield http


@pytest.fixture
async def on_sqlite() -> AsyncGenerator[AsyncClient]:
    async with notes("sqlite+aiosqlite:///:memory:") as http:
        yield http


def errors(answer: Any) -> list[tuple[str, str]]:
    """Read a 422: the parameter and the type of each error."""
    assert answer.status_code == 422
    return [(error["loc"][1], error["type"]) for error in answer.json()["detail"]]


REFUSED: list[tuple[str, str, str]] = [
    ("pageSize=101", "pageSize", "less_than_equal"),
    (f"pageSize={10**24}", "pageSize", "less_than_equal"),
    ("pageSize=0", "pageSize", "greater_than_equal"),
    (f"currentPage={10**24}", "currentPage", "less_than_equal"),
    ("currentPage=50002", "currentPage", "less_than_equal"),
    ("currentPage=10002&pageSize=100", "currentPage", "less_than_equal"),
    ("currentPage=-1", "currentPage", "greater_than_equal"),
    (f"currentPage={'9' * 5000}", "currentPage", "int_parsing_size"),
    (f"ids={INT64_MAX + 1}", "ids", "less_than_equal"),
    (f"ids={-INT64_MAX - 2}", "ids", "greater_than_equal"),
    (f"rankIn=1&rankIn={10**30}", "rankIn", "less_than_equal"),
    ("shareIn=NaN", "shareIn", "finite_number"),
    ("shareIn=1e999", "shareIn", "finite_number"),
    ("codeIn=a%00b", "codeIn", "value_error"),
    ("codeNotIn=%00", "codeNotIn", "value_error"),
    ("searchString=%00", "searchString", "value_error"),
    (f"searchString={'x' * 501}", "searchString", "too_long"),
    ("orderBy=__init__", "orderBy", "literal_error"),
    ("mood=%00", "mood", "enum"),
    ("code=%00", "code", "literal_error"),
    ("createdAfter=0000-01-01", "createdAfter", "datetime_parsing"),
    ("createdAfter=10000-01-01", "createdAfter", "datetime_from_date_parsing"),
    ("createdAfter=99999999999999999999", "createdAfter", "datetime_from_date_parsing"),
    ("readAtIn=9999-12-31T23:59:59-01:00", "readAtIn", "value_error"),
]


@pytest.mark.parametrize(("query", "parameter", "kind"), REFUSED)
async def test_refused(on_sqlite: AsyncClient, query: str, parameter: str, kind: str) -> None:
    """What no database can take, or would take too long over, is a 422 for its parameter."""
    [error] = errors(await on_sqlite.get(f"/notes?{query}"))
    assert error == (parameter, kind)


ACCEPTED = [
    "pageSize=100&currentPage=10001",
    "pageSize=1&currentPage=1000001",
    f"ids={INT64_MAX}&ids={-INT64_MAX - 1}",
    f"rankIn={2**40}&rankIn=0",
    "shareIn=1e308&shareIn=-0.0",
    "createdAfter=0001-01-01&createdBefore=9999-12-31T23:59:59.999999Z",
    "readAtIn=0001-01-01&readAtIn=9999-12-31",
    "readAtNotIn=2024-01-01T00:00:00%2B01:00",
    f"searchString={'%25' * 500}",
    "searchString=%ED%A0%80",
    "searchString=%F0%9F%A6%89",
    "searchString=",
    f"codeIn={'x' * 60_000}",
    "codeIn=%ED%A0%80%FF",
    "mood=good&code=a",
    "orderBy=rank&sortOrder=asc",
    "&".join(f"ids={number}" for number in range(500)),
    "&".join(f"codeNotIn={number}" for number in range(500)),
]


async def test_accepted(http: AsyncClient) -> None:
    """The widest values that are not refused are answered by every engine."""
    for query in ACCEPTED:
        answer = await http.get(f"/notes?{query}")
        assert answer.status_code == 200, query[:100]


@pytest.mark.parametrize("parameter", ["ids", "rankIn", "codeNotIn"])
async def test_long_list(on_sqlite: AsyncClient, parameter: str) -> None:
    """A parameter lists up to 500 values; with one more it is a 422."""
    values = [str(number) for number in range(501)]
    assert (await on_sqlite.get("/notes", params={parameter: values[:500]})).status_code == 200
    assert errors(await on_sqlite.get("/notes", params={parameter: values})) == [
        (parameter, "too_long")
    ]


async def test_wildcards(http: AsyncClient) -> None:
    """A wildcard in a search string means itself."""
    page = (await http.get("/notes?searchString=0%25")).json()
    assert [note["name"] for note in page["items"]] == ["50%"]


async def test_wildcards_by_choice(async_url: str) -> None:
    """With ``search_escape_wildcards`` off, a wildcard matches anything."""
    config: FilterConfig = {"search": "name", "search_escape_wildcards": False}
    async with notes(async_url, config) as http:
        assert (await http.get("/notes?searchString=5%250")).json()["total"] == 2


LIMITED: FilterConfig = {
    "id_filter": int,
    "pagination_type": "limit_offset",
    "search": "name",
    "max_pagination_size": 10,
    "max_offset": 25,
    "max_values": 2,
    "max_search_length": 3,
}


async def test_limits_of_the_config() -> None:
    """Each limit can be set, and is met exactly."""
    async with notes("sqlite+aiosqlite:///:memory:", LIMITED) as http:
        for query in ("pageSize=10&currentPage=3", "pageSize=1&currentPage=26", "ids=1&ids=2"):
            assert (await http.get(f"/notes?{query}&searchString=abc")).status_code == 200
        for query, parameter in (
            ("pageSize=11", "pageSize"),
            ("pageSize=10&currentPage=4", "currentPage"),
            ("pageSize=1&currentPage=27", "currentPage"),
            ("ids=1&ids=2&ids=3", "ids"),
            ("searchString=abcd", "searchString"),
        ):
            assert errors(await http.get(f"/notes?{query}"))[0][0] == parameter


async def test_page_too_deep_is_an_error_like_the_others(on_sqlite: AsyncClient) -> None:
    """The bound that depends on the page's size is told in the shape of FastAPI's own."""
    answer = await on_sqlite.get("/notes?pageSize=100&currentPage=10002")
    assert answer.json() == {
        "detail": [
            {
                "type": "less_than_equal",
                "loc": ["query", "currentPage"],
                "msg": "Input should be less than or equal to 10001",
                "input": "10002",
                "ctx": {"le": 10001},
            }
        ]
    }


async def test_openapi(on_sqlite: AsyncClient) -> None:
    """The document states every limit and the format of every value."""
    paths = (await on_sqlite.get("/openapi.json")).json()["paths"]
    parameters = paths["/notes"]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert (schemas["pageSize"]["minimum"], schemas["pageSize"]["maximum"]) == (1, 100)
    assert (schemas["currentPage"]["minimum"], schemas["currentPage"]["maximum"]) == (1, 1000001)
    assert without_title(schemas["searchString"]) == {
        "type": "string",
        "maxLength": 500,
        "pattern": r"^[^\x00]*$",
    }
    [ids, _] = schemas["ids"]["anyOf"]
    assert ids == {
        "type": "array",
        "items": {"type": "integer", "minimum": -(2**63), "maximum": INT64_MAX},
        "maxItems": 500,
    }
    for name in ("codeIn", "codeNotIn", "rankIn", "mood"):
        assert schemas[name]["anyOf"][0]["maxItems"] == 500
    assert schemas["readAtIn"]["anyOf"][0]["items"] == {"type": "string", "format": "date-time"}


def without_title(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out what FastAPI makes of a parameter's name and description."""
    return {key: schema[key] for key in schema if key not in {"title", "description"}}
