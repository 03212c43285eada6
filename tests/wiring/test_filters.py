"""``provide_filters`` as a whole: the dependency, its identity and its document."""

import subprocess
import sys
from datetime import UTC, datetime
from enum import Enum
from inspect import iscoroutinefunction
from typing import Annotated, Any, NoReturn
from uuid import UUID

import anyio.to_thread
import pytest
from advanced_alchemy.filters import (
    BeforeAfter,
    BooleanFilter,
    ChoicesFilter,
    CollectionFilter,
    FilterTypes,
    LimitOffset,
    NotInCollectionFilter,
    OrderBy,
    SearchFilter,
)
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from holdfast.wiring.filters import (
    DEPENDENCY_DEFAULTS,
    ChoiceField,
    DependencyDefaults,
    FieldNameType,
    FilterConfig,
    provide_filters,
)


class Status(Enum):
    ACTIVE = "active"
    CLOSED = "closed"


EVERYTHING: FilterConfig = {
    "id_filter": UUID,
    "created_at": True,
    "updated_at": True,
    "pagination_type": "limit_offset",
    "search": "name, email",
    "sort_field": ["name", "created_at"],
    "not_in_fields": ["city"],
    "in_fields": [FieldNameType("age", int)],
    "boolean_fields": ["is_active"],
    "choice_fields": [ChoiceField("kind", ("a", "b")), ("status", Status)],
}
JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
ID = UUID("6b1e2b3c-0000-4000-8000-000000000001")


def listing(config: FilterConfig, seen: list[FilterTypes] | None = None) -> FastAPI:
    app = FastAPI()

    @app.get("/items")
    async def items(filters: Annotated[list[FilterTypes], Depends(provide_filters(config))]) -> int:
        if seen is not None:
            seen.extend(filters)
        return len(filters)

    return app


def query_parameters(config: FilterConfig) -> dict[str, Any]:
    operation = listing(config).openapi()["paths"]["/items"]["get"]
    return {parameter["name"]: parameter for parameter in operation.get("parameters", [])}


def test_every_filter_arrives_in_order() -> None:
    """All kinds of filter, asked for at once, arrive as upstream's objects in upstream's order."""
    seen: list[FilterTypes] = []
    query = (
        f"status=closed&kind=b&kind=a&isActive=true&ageIn=3&ageIn=4&cityNotIn=Oslo&orderBy=name"
        f"&sortOrder=asc&searchString=x&searchIgnoreCase=true&currentPage=3&pageSize=5"
        f"&updatedAfter=2024-01-01T00:00:00Z&createdBefore=2024-01-01T00:00:00Z&ids={ID}"
    )
    assert TestClient(listing(EVERYTHING, seen)).get(f"/items?{query}").json() == 11
    assert seen == [
        CollectionFilter("id", [ID]),
        BeforeAfter("created_at", before=JANUARY, after=None),
        BeforeAfter("updated_at", before=None, after=JANUARY),
        LimitOffset(limit=5, offset=10),
        SearchFilter({"name", "email"}, "x", ignore_case=True, escape_wildcards=True),
        OrderBy("name", "asc"),
        NotInCollectionFilter("city", {"Oslo"}),
        CollectionFilter("age", {3, 4}),
        BooleanFilter("is_active", value=True),
        ChoicesFilter("kind", ["b", "a"]),
        ChoicesFilter("status", [Status.CLOSED]),
    ]


def test_only_page_and_order_have_a_default() -> None:
    """A request that asks for nothing gets the page and the order, and no other filter."""
    seen: list[FilterTypes] = []
    TestClient(listing(EVERYTHING, seen)).get("/items")
    assert seen == [LimitOffset(limit=20, offset=0), OrderBy("name", "desc")]


def test_openapi_types() -> None:
    """The document gives each query parameter the type of its values, and requires none."""
    parameters = query_parameters(EVERYTHING)
    assert not any(parameter["required"] for parameter in parameters.values())
    schemas = {name: parameter["schema"] for name, parameter in parameters.items()}

    def value(name: str) -> dict[str, Any]:
        schema: dict[str, Any] = schemas[name].get("anyOf", [schemas[name]])[0]
        items: dict[str, Any] = schema.get("items", schema)
        return {key: items[key] for key in items if key not in ("title", "default", "description")}

    assert {name: value(name) for name in schemas} == {
        "ids": {"type": "string", "format": "uuid"},
        "createdBefore": {"type": "string", "format": "date-time"},
        "createdAfter": {"type": "string", "format": "date-time"},
        "updatedBefore": {"type": "string", "format": "date-time"},
        "updatedAfter": {"type": "string", "format": "date-time"},
        "currentPage": {"type": "integer", "minimum": 1, "maximum": 1_000_001},
        "pageSize": {"type": "integer", "minimum": 1, "maximum": 100},
        "searchString": {"type": "string", "maxLength": 500, "pattern": r"^[^\x00]*$"},
        "searchIgnoreCase": {"type": "boolean"},
        "orderBy": {"type": "string", "enum": ["name", "created_at"]},
        "sortOrder": {"type": "string", "enum": ["asc", "desc"]},
        "cityNotIn": {"type": "string", "pattern": r"^[^\x00]*$"},
        "ageIn": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        "isActive": {"type": "boolean"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "status": {"$ref": "#/components/schemas/Status"},
    }


def test_openapi_names_a_single_sort_field() -> None:
    """Where only one field can be sorted by, the document still lists it as an enum."""
    schema = query_parameters({"sort_field": "name"})["orderBy"]["schema"]
    assert (schema["enum"], schema["default"]) == (["name"], "name")


def test_openapi_keeps_the_order_of_a_list() -> None:
    """Fields given as a list come out in its order, in the document and in the filters."""
    fields: list[str | FieldNameType] = ["c", "a", FieldNameType("d", int), "b"]
    assert list(query_parameters({"in_fields": fields})) == ["cIn", "aIn", "dIn", "bIn"]


def test_openapi_order_is_the_same_in_every_process() -> None:
    """Fields given as a set come out in one order, whatever the seed of the process's hashes."""
    source = (
        "from holdfast.wiring.filters import provide_filters; import inspect;"
        "print(*inspect.signature(provide_filters("
        "{'in_fields': {'b', 'a', 'd', 'c'}, 'sort_field': {'y', 'x'}})).parameters)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", source],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2", "3")
    }
    [output] = outputs
    assert output.split()[2:] == [b"a_in_filter", b"b_in_filter", b"c_in_filter", b"d_in_filter"]


@pytest.mark.parametrize("config", [EVERYTHING, {}, {"search": []}])
def test_no_thread_hop(config: FilterConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters are read on the event loop: the thread pool is never asked, whatever the config."""

    async def refuse(*args: object, **options: object) -> NoReturn:
        raise AssertionError("a request went through the thread pool")

    app = listing(config)

    @app.get("/hop")
    def hop() -> None: ...

    monkeypatch.setattr(anyio.to_thread, "run_sync", refuse)
    client = TestClient(app)
    assert client.get("/items", params={"searchString": "x"}).status_code == 200
    with pytest.raises(AssertionError, match="thread pool"):
        client.get("/hop")


def test_coroutine_function() -> None:
    """The dependency is a coroutine function, that of an empty config too."""
    assert iscoroutinefunction(provide_filters(EVERYTHING))
    assert iscoroutinefunction(provide_filters({}))


def test_empty_config_gives_no_filters() -> None:
    """A config that asks for nothing gives an empty list and no query parameter."""
    for config in (FilterConfig(), FilterConfig(search=[], in_fields=[], created_at=False)):
        seen: list[FilterTypes] = []
        assert TestClient(listing(config, seen)).get("/items?searchString=x").json() == 0
        assert seen == []
        assert query_parameters(config) == {}


def test_equal_configs_share_one_dependency() -> None:
    """Equal configs, built apart, give the same function, as overriding it in tests needs."""
    assert provide_filters({"in_fields": ["a"]}) is provide_filters({"in_fields": ["a"]})
    app = listing({"search": "name", "pagination_type": "limit_offset"})
    override = provide_filters({"search": "name", "pagination_type": "limit_offset"})

    async def nothing() -> list[FilterTypes]:
        return []

    app.dependency_overrides[override] = nothing
    assert TestClient(app).get("/items").json() == 0


def one_of_two_classes_with_one_name(value: str) -> type[Enum]:
    class Local(Enum):
        MEMBER = value

    return Local


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"search": "name"}, {"search": "email"}),
        ({"sort_field": ["b", "a"]}, {"sort_field": {"b", "a"}}),
        ({"in_fields": ["b", "a"]}, {"in_fields": ["a", "b"]}),
        ({"pagination_type": "limit_offset"}, {"pagination_type": "limit_offset", "search": "a"}),
        ({"choice_fields": [("a", (1, 2))]}, {"choice_fields": [("a", (True, 2))]}),
        (
            {"in_fields": [FieldNameType("a", one_of_two_classes_with_one_name("x"))]},
            {"in_fields": [FieldNameType("a", one_of_two_classes_with_one_name("y"))]},
        ),
        ({"search": "name"}, {"search": "name", "alias_generator": "snake_case"}),
        ({"search": "name"}, {"search": "name", "search_escape_wildcards": False}),
        (
            {"pagination_type": "limit_offset"},
            {"pagination_type": "limit_offset", "max_pagination_size": 50},
        ),
    ],
)
def test_different_configs_share_nothing(one: FilterConfig, other: FilterConfig) -> None:
    """Configs that differ, if only in the identity of a type, have dependencies of their own."""
    assert provide_filters(one) is not provide_filters(other)


def test_later_changes_of_the_config_are_not_read() -> None:
    """The dependency keeps the config it was made from, though the dictionary changes later."""
    config: FilterConfig = {"id_filter": int, "id_field": "key", "search": ["name"]}
    dependency = provide_filters(config)
    config["id_field"] = "other"
    config["search"] = ["other"]
    app = FastAPI()

    @app.get("/items")
    async def items(filters: Annotated[list[FilterTypes], Depends(dependency)]) -> list[str]:
        return [str(item) for item in filters]

    answer = TestClient(app).get("/items?ids=1&searchString=x").text
    assert "key" in answer
    assert "other" not in answer


def test_dependency_defaults() -> None:
    """A subclass of the defaults sets the page size and begins the parameters' names."""

    class Large(DependencyDefaults):
        DEFAULT_PAGINATION_SIZE = 50
        LIMIT_OFFSET_FILTER_DEPENDENCY_KEY = "paging"

    config: FilterConfig = {"pagination_type": "limit_offset"}
    large = provide_filters(config, Large())
    assert large is not provide_filters(config)
    assert large is provide_filters(config, Large())
    assert provide_filters(config) is provide_filters(config, DEPENDENCY_DEFAULTS)
    assert anyio.run(large) == [LimitOffset(limit=50, offset=0)]

    async def second_page() -> list[FilterTypes]:
        return await large(paging_current_page=2)

    assert anyio.run(second_page) == [LimitOffset(limit=50, offset=50)]


def test_direct_call_refuses_unknown_parameters() -> None:
    """Called by hand with a parameter it does not have, the dependency names it and its own."""

    async def call() -> list[FilterTypes]:
        return await provide_filters({"search": "name"})(search_filter="x")

    with pytest.raises(TypeError, match=r"search_filter; the dependency takes \(\*, search"):
        anyio.run(call)


def test_two_dependencies_in_one_route() -> None:
    """Two configs serve one route together, each with its own parameters."""
    app = FastAPI()

    @app.get("/items")
    async def items(
        page: Annotated[
            list[FilterTypes], Depends(provide_filters({"pagination_type": "limit_offset"}))
        ],
        search: Annotated[list[FilterTypes], Depends(provide_filters({"search": "name"}))],
    ) -> list[int]:
        return [len(page), len(search)]

    assert TestClient(app).get("/items?searchString=x").json() == [1, 1]


def test_limits_of_the_defaults() -> None:
    """A subclass of the defaults sets the limits of every config that is silent about them."""

    class Tight(DependencyDefaults):
        MAX_PAGINATION_SIZE = 30
        MAX_OFFSET = 60
        MAX_VALUES = 3
        MAX_SEARCH_LENGTH = 4

    def limits(config: FilterConfig) -> list[int]:
        app = FastAPI()

        @app.get("/items")
        async def items(
            found: Annotated[list[Any], Depends(provide_filters(config, Tight()))],
        ) -> int:
            return len(found)

        parameters = app.openapi()["paths"]["/items"]["get"]["parameters"]
        ids, number, size, text = (parameter["schema"] for parameter in parameters[:4])
        return [size["maximum"], number["maximum"], ids["anyOf"][0]["maxItems"], text["maxLength"]]

    config: FilterConfig = {"id_filter": int, "pagination_type": "limit_offset", "search": "name"}
    assert limits(config) == [30, 61, 3, 4]
    assert limits(config | {"max_pagination_size": 90, "max_offset": 0, "max_values": 2}) == [
        90,
        1,
        2,
        4,
    ]


def test_a_large_default_page_raises_the_cap() -> None:
    """A page size that the config declares is allowed, though it is above the default cap."""
    schema = query_parameters({"pagination_type": "limit_offset", "pagination_size": 250})
    assert schema["pageSize"]["schema"]["maximum"] == 250


def test_a_small_cap_lowers_the_default_page() -> None:
    """A cap below the default page size is the page size where the config has none."""
    schema = query_parameters({"pagination_type": "limit_offset", "max_pagination_size": 5})
    assert schema["pageSize"]["schema"]["default"] == 5


def test_stable_order_by_choice() -> None:
    """With ``stable_order`` off, a page is upstream's own and adds nothing to the order."""
    config: FilterConfig = {"pagination_type": "limit_offset", "stable_order": False}
    [page] = anyio.run(provide_filters(config))
    [stable] = anyio.run(provide_filters({"pagination_type": "limit_offset"}))
    assert type(page) is LimitOffset
    assert type(stable) is not LimitOffset
    assert stable == page
