"""What a tenant can learn or change of the rows of another: nothing."""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.crud.library_api import Library, opened_library
from tests.crud.tenants import BY_CRITERIA, BY_VALUE, Shelf, add_routers
from tests.library import ENGINES

pytestmark = pytest.mark.filterwarnings("ignore:PUT creates a")

MINE, THEIRS, NOBODYS = 11, 21, 99
WORK, THEIR_WORK, NOBODYS_WORK = 111, 211, 999

# As no route would write it: a mentor, a work and a topic that are the other tenant's.
SEED = (
    (
        "INSERT INTO tenant_writer (id, tenant_id, slug, name, mentor_id, version) VALUES"
        " (21, 2, 'theirs', 'Theirs', NULL, 1), (11, 1, 'mine', 'Mine', 21, 1)"
    ),
    (
        "INSERT INTO tenant_writer (id, tenant_id, slug, name, mentor_id, version) VALUES"
        " (12, 1, 'a', 'A', 11, 1)"
    ),
    (
        "INSERT INTO tenant_work (id, tenant_id, title, writer_id) VALUES"
        " (111, 1, 'Mine', 11), (112, 2, 'Theirs', 11), (211, 2, 'Theirs', 21)"
    ),
    "INSERT INTO tenant_topic (id, tenant_id, word) VALUES (1, 1, 'mine'), (2, 2, 'theirs')",
    "INSERT INTO tenant_work_topic (work_id, topic_id) VALUES (111, 1), (111, 2), (211, 2)",
)
OF_OTHERS = (
    "SELECT * FROM tenant_writer WHERE tenant_id = 2 ORDER BY id",
    "SELECT * FROM tenant_work WHERE tenant_id = 2 ORDER BY id",
    "SELECT * FROM tenant_topic WHERE tenant_id = 2 ORDER BY id",
)


class Shelves(NamedTuple):
    """The tenants' rows, and a client of tenant 1.

    Attributes:
        library: The database.
        http: The client.
        by_value: Whether the scope is one of values, which new rows then get.
    """

    library: Library
    http: httpx2.AsyncClient
    by_value: bool


FORMS: dict[str, Any] = {"value": BY_VALUE, "criteria": BY_CRITERIA}


@pytest.fixture(params=[(e, form) for e in ENGINES for form in FORMS], scope="module", ids="-".join)
async def opened(request: pytest.FixtureRequest) -> AsyncGenerator[Shelves]:
    """Serve the tenants' rows, for every engine and both forms of a scope."""
    engine, form = request.param
    async with opened_library(engine, request, Shelf.metadata) as library:
        app, alchemy = library.app()
        add_routers(app, alchemy, FORMS[form])
        async with library.client(app, headers={"x-tenant": "1"}) as http:
            yield Shelves(library, http, form == "value")


@pytest.fixture
async def shelves(opened: Shelves) -> AsyncGenerator[Shelves]:
    """Give the same with the rows of `SEED`, and see that those of tenant 2 stay as they are."""
    library = opened.library
    library.query("UPDATE tenant_writer SET mentor_id = NULL")
    library.empty()
    for statement in SEED:
        library.query(statement)
    before = [library.query(statement) for statement in OF_OTHERS]
    yield opened
    assert [library.query(statement) for statement in OF_OTHERS] == before


async def answer(
    http: httpx2.AsyncClient, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Send a request, and return what tells its answer from others."""
    options = {} if body is None else {"json": body}
    got = await http.request(method, path, headers=headers, **options)
    return got.status_code, got.json() if got.content else None


ATTEMPTS = {
    "get": ("GET", "/writers/{id}", None),
    "get with what is nested": ("GET", "/writers/{id}?include=works", None),
    "filter by key": ("GET", "/writers?id={id}", None),
    "filter by keys": ("GET", "/writers?id__in={id}&id__in=98", None),
    "change": ("PATCH", "/writers/{id}", {"name": "Taken"}),
    "change nothing": ("PATCH", "/writers/{id}", {}),
    "move in": ("PATCH", "/writers/{id}", {"tenant_id": 1}),
    "delete": ("DELETE", "/writers/{id}", None),
    "change many": (
        "PATCH",
        "/writers",
        [{"id": MINE, "changes": {"name": "Changed"}}, {"id": "{id}", "changes": {"name": "T"}}],
    ),
    "delete many": ("DELETE", "/writers?id={id}&id=12", None),
    "refer to": ("PATCH", "/writers/12", {"mentor_id": "{id}"}),
    "create with": ("POST", "/works", {"title": "New", "writer_id": "{id}", "tenant_id": 1}),
    "create many with": (
        "POST",
        "/works/bulk",
        [
            {"title": "New", "writer_id": 11, "tenant_id": 1},
            {"title": "New", "writer_id": "{id}", "tenant_id": 1},
        ],
    ),
    "put with": ("PUT", "/works/111", {"title": "New", "writer_id": "{id}", "tenant_id": 1}),
    "put a new one with": ("PUT", "/works/5", {"title": "N", "writer_id": "{id}", "tenant_id": 1}),
    "change many with": (
        "PATCH",
        "/works",
        [{"id": WORK, "changes": {"writer_id": "{id}"}}],
    ),
}


def filled(value: Any, key: int, *, with_tenant: bool) -> Any:
    """Put a key in the place of `{id}`, and leave out the tenant where no schema has it."""
    if isinstance(value, list):
        return [filled(item, key, with_tenant=with_tenant) for item in value]
    if isinstance(value, dict):
        return {
            name: filled(item, key, with_tenant=with_tenant)
            for name, item in value.items()
            if with_tenant or name != "tenant_id"
        }
    return key if value == "{id}" else value


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_a_row_of_another_tenant_is_as_one_that_is_not_there(
    shelves: Shelves, name: str
) -> None:
    """The answer about it is the one about a key that nobody has, to the letter."""
    method, path, body = ATTEMPTS[name]
    with_tenant = path.startswith("/writers") or not shelves.by_value
    answers = [
        await answer(
            shelves.http, method, path.format(id=key), filled(body, key, with_tenant=with_tenant)
        )
        for key in (THEIRS, NOBODYS)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] in {200, 404, 409}
    if method != "GET":
        assert answers[0][0] >= 400, "it is refused"
        assert shelves.library.query("SELECT name FROM tenant_writer WHERE id = 11") == [("Mine",)]
        assert shelves.library.query("SELECT COUNT(*) FROM tenant_work") == [(3,)]


@pytest.mark.parametrize("condition", ["if_match", "if_none_match"])
async def test_a_precondition_tells_nothing_either(shelves: Shelves, condition: str) -> None:
    """With `If-Match` a row of another tenant is as one that is not there, for every version."""
    value = '"1"' if condition == "if_match" else "*"
    header = {condition.replace("_", "-"): value}
    for method, path in (("PATCH", "/writers/{id}"), ("DELETE", "/writers/{id}")):
        theirs, nobodys = [
            await answer(shelves.http, method, path.format(id=key), {"name": "T"}, **header)
            for key in (THEIRS, NOBODYS)
        ]
        assert theirs == nobodys
        assert theirs[0] == 404
    body = {"title": "T", "writer_id": MINE}
    if condition == "if_match":
        for path in ("/works/211", "/works/999"):
            status, _ = await answer(shelves.http, "PUT", path, body, **header)
            assert status == 412
    else:
        status, _ = await answer(shelves.http, "PUT", "/works/211", body, **header)
        assert status in {404, 422}


QUERIES = (
    "/writers?name={word}",
    "/writers?name__contains={word}",
    "/writers?mentor.name={word}",
    "/writers?works.title={word}",
    "/writers?works.topics.word={word}",
    "/writers?q={word}",
    "/works?writer.name={word}",
    "/works?topics.word={word}",
    "/works?q={word}",
)


@pytest.mark.parametrize("query", QUERIES)
async def test_nothing_of_another_tenant_can_be_searched_for(shelves: Shelves, query: str) -> None:
    """What only another tenant's rows hold is found no better than what no row holds."""
    word = "theirs" if "word" in query.split("=", maxsplit=1)[0] or "q=" in query else "Theirs"
    found = await answer(shelves.http, "GET", query.format(word=word))
    assert found == await answer(shelves.http, "GET", query.format(word="nobodys"))
    assert (found[0], found[1]["items"], found[1]["total"]) == (200, [], 0)


async def test_a_relation_that_leads_to_another_tenant_leads_nowhere(
    shelves: Shelves,
) -> None:
    """What is nested is hidden, to one, to many and many to many, and so in filters and order."""
    writer = (await shelves.http.get("/writers/11?include=works")).json()
    assert writer["mentor"] is None
    assert writer["works"] == [{"id": WORK, "title": "Mine", "topics": [{"id": 1, "word": "mine"}]}]
    listed = (await shelves.http.get("/writers?include=works")).json()
    assert (listed["items"][0], listed["total"]) == (writer, 2)
    work = (await shelves.http.get("/works/111")).json()
    assert work["topics"] == [{"id": 1, "word": "mine"}]
    assert (await shelves.http.get("/writers?mentor.name__is_null=true")).json()["total"] == 1
    assert (await shelves.http.get("/writers?works.title__ne=Mine")).json()["total"] == 0


async def test_order_and_pages_are_of_ones_own_rows(
    shelves: Shelves,
) -> None:
    """Neither the number of rows, nor their order, nor a page of another tenant shows anything."""
    shelves.library.query(
        "INSERT INTO tenant_writer (id, tenant_id, slug, name, mentor_id, version) VALUES"
        " (13, 1, 'b', 'B', NULL, 1)"
    )
    for order in ("mentor.name", "-mentor.name"):
        found = (await shelves.http.get(f"/writers?sort={order},name")).json()["items"]
        # The mentor of 11 is another tenant's, so it is sorted like 13, which has none.
        assert [row["id"] for row in found] == [12, 13, 11]
    page = (await shelves.http.get("/writers?limit=1&offset=1")).json()
    assert (page["total"], len(page["items"])) == (3, 1)
    others = {"x-tenant": "2"}
    first = (await shelves.http.get("/works?limit=1&sort=title", headers=others)).json()
    assert [row["id"] for row in first["items"]] == [112]
    mine = await shelves.http.get(f"/works?limit=1&sort=title&cursor={first['next_cursor']}")
    assert mine.status_code == 200
    assert mine.json()["items"] == [], "it is a place in the order, behind which nothing of 1 lies"
    assert mine.json()["total"] == 1


async def test_no_write_moves_a_row_out_of_the_scope(
    shelves: Shelves,
) -> None:
    """Another tenant, there or not, is refused alike, in a change, a new row, or one among many."""
    for many in (False, True):
        theirs, nobodys = [
            await answer(
                shelves.http,
                "PATCH",
                "/writers" if many else "/writers/11",
                [{"id": 11, "changes": {"tenant_id": other}}] if many else {"tenant_id": other},
            )
            for other in (2, 77)
        ]
        assert theirs == nobodys
        assert theirs[0] == 422
    for path in ("/works", "/works/111"):
        method = "POST" if path == "/works" else "PUT"
        body = {"title": "N", "writer_id": 11, "tenant_id": 2}
        assert (await answer(shelves.http, method, path, body))[0] == 422
    assert shelves.library.query("SELECT COUNT(*) FROM tenant_work WHERE tenant_id = 1") == [(1,)]
    own = "SELECT COUNT(*) FROM tenant_writer WHERE tenant_id = 1"
    assert shelves.library.query(own) == [(2,)]


async def test_put_takes_over_no_row_of_another_tenant(shelves: Shelves) -> None:
    """By the primary key it is a 404; by a natural key of its own tenant it is another row."""
    body = {"title": "T", "writer_id": 11, **({} if shelves.by_value else {"tenant_id": 1})}
    status, told = await answer(shelves.http, "PUT", "/works/211", body)
    assert (status, told["detail"]) == (404, "There is no such record.")
    if not shelves.by_value:
        return
    slug, own = "/slugs/theirs", {"name": "Own"}
    assert (await answer(shelves.http, "GET", slug))[0] == 404
    assert (await answer(shelves.http, "PUT", slug, own, **{"if-match": "*"}))[0] == 412
    status, made = await answer(shelves.http, "PUT", slug, own)
    assert (status, made["name"]) == (201, "Own")
    rows = shelves.library.query(
        "SELECT tenant_id, name FROM tenant_writer WHERE slug = 'theirs' ORDER BY tenant_id"
    )
    assert [tuple(row) for row in rows] == [(1, "Own"), (2, "Theirs")]
    # Unique for a tenant, so what another tenant has is no conflict.
    created = await answer(shelves.http, "POST", "/writers", {"slug": "n", "name": "N"})
    assert created[0] == 201


async def test_without_a_tenant_nothing_is_answered(shelves: Shelves) -> None:
    """Where the scope's dependency refuses, so does every route, as a problem."""
    refused = await shelves.http.get("/writers", headers={"x-tenant": ""})
    assert refused.status_code in {401, 422}
    assert refused.headers["content-type"] == "application/problem+json"
