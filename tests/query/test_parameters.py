"""The parameters of a list as FastAPI reads and documents them."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient

from holdfast.errors import ConfigurationError
from holdfast.query.cursor import LONGEST_CURSOR
from holdfast.query.filters import declared_filters
from holdfast.query.parameters import (
    MAX_OFFSET,
    ListParameters,
    given_filters,
    names_in,
    parameter_model,
)
from holdfast.query.search import declared_search
from tests.library import Author, Book, Tag

FILTERS = declared_filters(
    Book,
    {
        Book.title: ["eq", "in", "between", "icontains"],
        Book.genre: ["eq", "in"],
        Book.price: ["lt"],
        Book.published: ["ge"],
        Book.tenant_id: ["gt", "is_null"],
        (Book.author, Author.name): ["eq", "not_in"],
        (Book.tags, Tag.word): ["eq"],
    },
)
MODEL: Any = parameter_model(
    "BookParameters",
    filters=FILTERS,
    search=declared_search(Book, [Book.title]),
    sort=["title", "author.name"],
    default_sort="title",
    totals=["none", "exact"],
    fields=["id", "title"],
    include=["tags"],
)
CURSOR_MODEL: Any = parameter_model("TagParameters", pagination="cursor")

app = FastAPI()


@app.get("/books")
def books(parameters: Annotated[MODEL, Query()]) -> dict[str, Any]:
    given = {each.parameter: repr(value) for each, value in given_filters(parameters, FILTERS)}
    own = ("limit", "offset", "sort", "q", "total", "fields", "include")
    return {**{name: getattr(parameters, name) for name in own}, "given": given}


@app.get("/tags")
def tags(parameters: Annotated[CURSOR_MODEL, Query()]) -> dict[str, Any]:
    return dict(parameters)


client = TestClient(app)


def _document(path: str) -> dict[str, Any]:
    found = client.get("/openapi.json").json()["paths"][path]["get"]["parameters"]
    return {each["name"]: each for each in found}


def test_what_is_left_out_is_none_or_its_default() -> None:
    """Without a query nothing is filtered, and the page is the first."""
    assert client.get("/books").json() == {
        "limit": 20,
        "offset": 0,
        "sort": None,
        "q": None,
        "total": "none",
        "fields": None,
        "include": None,
        "given": {},
    }
    assert client.get("/tags").json() == {"limit": 20, "cursor": None}


def test_each_parameter_is_read_by_its_name() -> None:
    """Dots, lists and choices are read as they are documented."""
    query = (
        "limit=5&offset=1&sort=-title,author.name&q=a+b&total=exact&fields=id,title&include=tags"
        "&title=a&title__in=b&title__in=c&title__between=a&title__between=b&genre=science"
        "&author.name=Ann&author.name__not_in=Bob&tags.word=&tenant_id__gt=-1"
        "&published__ge=2024-01-01T00:00:00%2B02:00&price__lt=1.50&tenant_id__is_null=false"
    )
    assert client.get(f"/books?{query}").json() == {
        "limit": 5,
        "offset": 1,
        "sort": "-title,author.name",
        "q": "a b",
        "total": "exact",
        "fields": "id,title",
        "include": "tags",
        "given": {
            "title": "'a'",
            "title__in": "['b', 'c']",
            "title__between": "['a', 'b']",
            "genre": "<Genre.SCIENCE: 'science'>",
            "price__lt": "Decimal('1.50')",
            "published__ge": "datetime.datetime(2023, 12, 31, 22, 0, tzinfo=datetime.timezone.utc)",
            "tenant_id__gt": "-1",
            "tenant_id__is_null": "False",
            "author.name": "'Ann'",
            "author.name__not_in": "['Bob']",
            "tags.word": "''",
        },
    }


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=1e9",
        "offset=-1",
        f"offset={MAX_OFFSET + 1}",
        "sort=",
        "sort=id",
        "sort=title,",
        "sort=authorXname",
        "sort=title%0A",
        "sort=" + ",".join(["title"] * 11),
        "total=estimated",
        "fields=password_hash",
        "include=author",
        "q=" + "a" * 201,
        "title=%00",
        "title=" + "a" * 201,
        "title__between=a",
        "title__between=a&title__between=b&title__between=c",
        "&".join(["title__in=a"] * 101),
        "genre=FICTION",
        "price__lt=NaN",
        "price__lt=1e999999999",
        "price__lt=1e-999999999",
        "published__ge=0001-01-01T00:00:00%2B14:00",
        "published__ge=yesterday",
        "published__ge=1700000000",
        f"tenant_id__gt={2**31}",
        "tenant_id__gt=" + "9" * 5000,
        "tenant_id__is_null=maybe",
    ],
    ids=lambda query: query[:40],
)
def test_what_is_not_declared_is_refused_by_its_parameter(query: str) -> None:
    """A value beyond its type or bounds is a 422 that names the parameter."""
    answer = client.get(f"/books?{query}")
    assert answer.status_code == 422
    assert {error["loc"][1] for error in answer.json()["detail"]} == {query.partition("=")[0]}


@pytest.mark.parametrize("cursor", ["", "a.b", "a b", "a" * (LONGEST_CURSOR + 1), "%00"])
def test_a_cursor_is_short_and_of_few_characters(cursor: str) -> None:
    """What cannot be a cursor is refused before it is decoded."""
    assert client.get(f"/tags?cursor={cursor}").status_code == 422


def test_each_parameter_is_documented() -> None:
    """Types, formats, bounds and choices are in the document, and none of it is nullable."""
    document = _document("/books")
    assert list(document) == [*("limit", "offset", "sort", "q", "total", "fields", "include")] + [
        each.parameter for each in FILTERS
    ]
    assert all(each["description"] for each in document.values())
    assert not any(each["required"] for each in document.values())
    assert "'null'" not in str(document)
    schemas = {name: each["schema"] for name, each in document.items()}
    assert schemas["limit"].items() >= {"type": "integer", "maximum": 100, "default": 20}.items()
    assert schemas["total"]["enum"] == ["none", "exact"]
    assert schemas["title__in"]["type"] == "array"
    assert schemas["title__in"]["items"]["maxLength"] == 200
    assert (schemas["title__between"]["minItems"], schemas["title__in"]["maxItems"]) == (2, 100)
    assert schemas["published__ge"]["format"] == "date-time"
    assert schemas["price__lt"].items() >= {"type": "number", "maximum": 10**8}.items()
    assert schemas["tenant_id__gt"].items() >= {"minimum": -(2**31), "maximum": 2**31 - 1}.items()
    assert schemas["genre"]["$ref"] == "#/components/schemas/Genre"
    assert document["sort"]["description"].endswith("descending order. Without it `title`.")
    assert document["author.name"]["description"] == "`author.name` equals this."


def test_only_what_is_asked_for_is_a_parameter() -> None:
    """A list without pages, order or search has no parameters for these."""
    assert list(parameter_model("None_", pagination=None).model_fields) == []
    assert list(parameter_model("Few", totals=["exact"]).model_fields) == ["limit", "offset"]
    assert issubclass(CURSOR_MODEL, ListParameters)


def test_a_filter_with_the_name_of_another_parameter_is_refused() -> None:
    """A column called `limit` cannot be filtered by `eq` in a list with pages."""

    class Column:
        parameter = "limit"
        field = "filter_limit"
        path = FILTERS[0].path

    taken: Any = Column()
    with pytest.raises(ConfigurationError, match="Declare another operator"):
        parameter_model("Taken", filters=[taken])
    assert parameter_model("Free", filters=FILTERS, pagination=None)


def test_names_are_told_apart() -> None:
    """A listing of names is a set, and one that was left out is none."""
    assert names_in("id,title,id") == frozenset({"id", "title"})
    assert names_in(None) is None
