"""Two tenants at random, against a model in Python: neither sees or changes what is the other's."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from typing import Any

import anyio.from_thread
import anyio.to_thread
import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.crud.library_api import Library, opened_library
from tests.crud.tenants import BY_CRITERIA, BY_VALUE, Shelf, add_routers
from tests.library import ENGINES

pytestmark = pytest.mark.filterwarnings("ignore:PUT creates a")

FORMS: dict[str, Any] = {"value": BY_VALUE, "criteria": BY_CRITERIA}
TENANTS = (1, 2)

tenants = st.sampled_from(TENANTS)
# Which of the keys there are, or of a few more: so the tenants meet.
keys = st.integers(0, 20)
slugs = st.sampled_from(["a", "b", "c"])
mentors = st.none() | keys

MARIADB = {"mysql", "mariadb"}
FREE = (1, 2, 3)
"""Keys that only PUT gives: the databases count from far above."""
COUNT_FROM = {
    "postgresql": "ALTER SEQUENCE tenant_writer_id_seq RESTART 1000",
    "mariadb": "ALTER TABLE tenant_writer AUTO_INCREMENT = 1000",
}

Row = dict[str, Any]
Send = Callable[..., Coroutine[Any, Any, httpx2.Response]]


@pytest.fixture(params=[(e, form) for e in ENGINES for form in FORMS], scope="module", ids="-".join)
async def served(
    request: pytest.FixtureRequest,
) -> AsyncGenerator[tuple[Library, httpx2.AsyncClient, bool]]:
    """Serve the tenants' rows, for every engine and both forms of a scope."""
    engine, form = request.param
    async with opened_library(engine, request, Shelf.metadata) as library:
        if engine in COUNT_FROM:
            library.query(COUNT_FROM[engine])
        app, alchemy = library.app()
        add_routers(app, alchemy, FORMS[form])
        async with library.client(app) as http:
            yield library, http, form == "value"


class Tenants(RuleBasedStateMachine):
    """Requests of two tenants, and the rows that there have to be.

    A tenant's rows are in `rows` under its number, by their keys.
    """

    def __init__(self, library: Library, http: httpx2.AsyncClient, by_value: bool) -> None:
        super().__init__()
        self.library = library
        self.http = http
        self.by_value = by_value
        self.rows: dict[int, dict[int, Row]] = {}

    @initialize()
    def begin(self) -> None:
        """Begin without rows."""
        self.library.query("UPDATE tenant_writer SET mentor_id = NULL")
        self.library.query("DELETE FROM tenant_writer")
        self.rows = {tenant: {} for tenant in TENANTS}

    def send(self, tenant: int, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request of a tenant."""
        headers = {"x-tenant": str(tenant)}
        send: Send = self.http.request
        return anyio.from_thread.run(partial(send, method, path, headers=headers, **options))

    def key(self, number: int) -> int:
        """Return one of the keys that there are, or a free one."""
        known = {*FREE, *(key for rows in self.rows.values() for key in rows)}
        return sorted(known)[number % len(known)]

    def mentor(self, number: int | None) -> int | None:
        """Return the key of somebody, be it the other's, or nobody."""
        return None if number is None else self.key(number)

    def body(self, tenant: int, slug: str, mentor: int | None) -> Row:
        """Return a row as it is sent."""
        sent: Row = {"slug": slug, "name": f"Of {tenant}", "mentor_id": mentor}
        return sent if self.by_value else {**sent, "tenant_id": tenant}

    def fault(self, tenant: int, key: int | None, slug: str, mentor: int | None) -> int | None:
        """Return the status of a write that cannot be: a mentor not there, or a slug taken."""
        own = self.rows[tenant]
        if mentor is not None and mentor not in own:
            return 409
        return 409 if any(k != key and row["slug"] == slug for k, row in own.items()) else None

    def is_free(self, key: int) -> bool:
        """Tell whether nobody has a key."""
        return not any(key in rows for rows in self.rows.values())

    @rule(tenant=tenants, slug=slugs, mentor=mentors)
    def create(self, tenant: int, slug: str, mentor: int | None) -> None:
        """Create a row."""
        mentor = self.mentor(mentor)
        got = self.send(tenant, "POST", "/writers", json=self.body(tenant, slug, mentor))
        assert got.status_code == (self.fault(tenant, None, slug, mentor) or 201)
        if got.status_code == 201:
            self.rows[tenant][got.json()["id"]] = {"slug": slug, "mentor": mentor}

    @rule(tenant=tenants, pairs=st.lists(st.tuples(slugs, mentors), min_size=1, max_size=3))
    def create_many(self, tenant: int, pairs: list[tuple[str, int | None]]) -> None:
        """Create rows: all, or none."""
        pairs = [(slug, self.mentor(mentor)) for slug, mentor in pairs]
        bodies = [self.body(tenant, *pair) for pair in pairs]
        distinct = len({slug for slug, _ in pairs}) == len(pairs)
        fault = any(self.fault(tenant, None, *pair) for pair in pairs) or not distinct
        got = self.send(tenant, "POST", "/writers/bulk", json=bodies)
        assert got.status_code == (409 if fault else 201)
        if not fault:
            for row, (slug, mentor) in zip(got.json(), pairs, strict=True):
                self.rows[tenant][row["id"]] = {"slug": slug, "mentor": mentor}

    @rule(tenant=tenants, key=keys, slug=slugs, mentor=mentors)
    def change(self, tenant: int, key: int, slug: str, mentor: int | None) -> None:
        """Change a row that may be the other's, or nobody's."""
        key, mentor = self.key(key), self.mentor(mentor)
        sent = {"slug": slug, "mentor_id": mentor}
        got = self.send(tenant, "PATCH", f"/writers/{key}", json=sent)
        if key not in self.rows[tenant]:
            assert got.status_code == 404
            return
        assert got.status_code == (self.fault(tenant, key, slug, mentor) or 200)
        if got.status_code == 200:
            self.rows[tenant][key] = {"slug": slug, "mentor": mentor}

    @rule(tenant=tenants, key=keys, slug=slugs)
    def change_many(self, tenant: int, key: int, slug: str) -> None:
        """Change a row among many."""
        key = self.key(key)
        sent = [{"id": key, "changes": {"slug": slug}}]
        got = self.send(tenant, "PATCH", "/writers", json=sent)
        known = self.rows[tenant].get(key)
        if known is None:
            assert got.status_code == 404
            return
        fault = self.fault(tenant, key, slug, None)
        assert got.status_code == (fault or 200)
        if fault is None:
            known["slug"] = slug

    @rule(tenant=tenants, key=keys, slug=slugs, mentor=mentors)
    def put(self, tenant: int, key: int, slug: str, mentor: int | None) -> None:
        """Replace or create a row, under a key that may be the other's."""
        key, mentor = self.key(key), self.mentor(mentor)
        got = self.send(tenant, "PUT", f"/writers/{key}", json=self.body(tenant, slug, mentor))
        own = self.rows[tenant]
        fault = self.fault(tenant, key, slug, mentor)
        if key in own or self.is_free(key):
            assert got.status_code == (fault or (200 if key in own else 201))
            if fault is None:
                own[key] = {"slug": slug, "mentor": mentor}
        else:
            assert got.status_code in {404, fault}

    @rule(tenant=tenants, slug=slugs, mentor=mentors)
    def put_by_slug(self, tenant: int, slug: str, mentor: int | None) -> None:
        """Replace or create a row under a key that is the tenant's own affair."""
        mentor = self.mentor(mentor)
        if not self.by_value:
            return
        got = self.send(
            tenant, "PUT", f"/slugs/{slug}", json={"name": f"Of {tenant}", "mentor_id": mentor}
        )
        own = self.rows[tenant]
        known = [row for row in own.values() if row["slug"] == slug]
        if mentor is not None and mentor not in own:
            assert got.status_code == 409
            return
        assert got.status_code == (200 if known else 201)
        own[got.json()["id"]] = {"slug": slug, "mentor": mentor}

    @rule(tenant=tenants, key=keys, many=st.booleans())
    def delete(self, tenant: int, key: int, *, many: bool) -> None:
        """Delete a row that may be the other's, alone or as one of many."""
        key = self.key(key)
        own = self.rows[tenant]
        path = f"/writers?id={key}" if many else f"/writers/{key}"
        got = self.send(tenant, "DELETE", path)
        if key not in own:
            assert got.status_code == 404
        elif any(row["mentor"] == key for k, row in own.items() if k != key):
            assert got.status_code == 409
        elif own[key]["mentor"] == key and self.library.engine.name in MARIADB:
            # MariaDB minds that a row refers to itself.
            assert got.status_code == 409
        else:
            assert got.status_code == 204
            del own[key]

    @rule(tenant=tenants, key=keys, slug=slugs)
    def look(self, tenant: int, key: int, slug: str) -> None:
        """Get one row, and those with a slug of the tenant's, by key, name and mentor."""
        key = self.key(key)
        own = self.rows[tenant]
        got = self.send(tenant, "GET", f"/writers/{key}")
        assert got.status_code == (200 if key in own else 404)
        found = self.send(tenant, "GET", f"/writers?id={key}&id__in={key}").json()
        assert [row["id"] for row in found["items"]] == [key] * (key in own)
        other = 3 - tenant
        for query in (f"name=Of {other}", f"mentor.name=Of {other}", f"q=Of {other}"):
            assert self.send(tenant, "GET", f"/writers?{query}").json()["total"] == 0
        if self.by_value:
            status = self.send(tenant, "GET", f"/slugs/{slug}").status_code
            is_own = any(row["slug"] == slug for row in own.values())
            assert status == (200 if is_own else 404)

    @invariant()
    def each_sees_its_own_rows(self) -> None:
        """A list is a tenant's rows, all of them, with their mentors."""
        for tenant, own in self.rows.items():
            page = self.send(tenant, "GET", "/writers?limit=100").json()
            shown = {
                row["id"]: (row["slug"], row["name"], (row["mentor"] or {}).get("id"))
                for row in page["items"]
            }
            assert page["total"] == len(own)
            assert shown == {
                key: (row["slug"], f"Of {tenant}", row["mentor"]) for key, row in own.items()
            }


async def test_neither_tenant_sees_or_changes_what_is_the_others(
    served: tuple[Library, httpx2.AsyncClient, bool],
) -> None:
    """Whatever both do, each has the rows that it alone has made, and answers tell of no others."""
    machine: Any = partial(Tenants, *served)
    limits = settings(
        max_examples=6,
        stateful_step_count=20,
        deadline=None,
        phases=[Phase.generate],  # each step is a request, so making one smaller takes minutes
        suppress_health_check=list(HealthCheck),
    )
    await anyio.to_thread.run_sync(partial(run_state_machine_as_test, machine, settings=limits))
