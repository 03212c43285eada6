"""Settings of PostgreSQL for a transaction: row-level security on a connection that is reused."""

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import ScalarResult, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from typing_extensions import override

from holdfast import (
    AdvancedAlchemy,
    CRUDRouter,
    SQLAlchemyAsyncConfig,
    SQLAlchemySyncConfig,
    exceptions,
    repository,
    service,
)
from holdfast.crud.rows import Rows
from holdfast.errors import ConfigurationError
from holdfast.testing import client
from tests.engines.postgres import PostgresServer


class Vault(DeclarativeBase):
    """One table that the database itself divides."""


class Note(Vault):
    """What a tenant has noted."""

    __tablename__ = "settings_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    text: Mapped[str] = mapped_column(unique=True)


seen_by_hook: list[list[int]] = []


class NoteService(service.SQLAlchemyAsyncRepositoryService[Note]):
    """Notes; a hook looks at the table by itself."""

    class Repository(repository.SQLAlchemyAsyncRepository[Note]):
        model_type = Note

    repository_type = Repository

    @override
    async def to_model_on_create(self, data: Any) -> Any:
        seen_by_hook.append(await tenants_seen(self.repository.session))
        await self.repository.session.rollback()
        seen_by_hook.append(await tenants_seen(self.repository.session))
        return await super().to_model_on_create(data)


async def tenants_seen(session: Any) -> list[int]:
    """Return the tenants of all notes that a session sees."""
    found: Sequence[int] = (await session.scalars(select(Note.tenant_id))).all()
    return sorted(found)


class SyncNoteService(service.SQLAlchemySyncRepositoryService[Note]):
    """The same on a sync session."""

    class Repository(repository.SQLAlchemySyncRepository[Note]):
        model_type = Note

    repository_type = Repository


class NoteRead(BaseModel):
    """A note as it is answered."""

    id: int
    text: str


class NoteCreate(BaseModel):
    """A new note."""

    text: str
    tenant_id: int


class NoteUpdate(BaseModel):
    """What of a note changes."""

    text: str = ""
    tenant_id: int = 0


SETUP = (
    (
        "CREATE TABLE settings_note (id serial PRIMARY KEY, tenant_id int NOT NULL,"
        " text text NOT NULL UNIQUE)"
    ),
    "ALTER TABLE settings_note ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE settings_note FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY own ON settings_note USING"
        " (tenant_id = nullif(current_setting('app.tenant_id', true), '')::int)"
    ),
    "INSERT INTO settings_note (tenant_id, text) VALUES (1, 'one'), (2, 'two'), (2, 'more')",
    "DO $$ BEGIN CREATE ROLE settings_app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO settings_app",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO settings_app",
)


def tenant_setting(x_tenant: Annotated[str | None, Header()] = None) -> str | None:
    """Give the value of the setting; '' is nobody."""
    if x_tenant == "refused":
        raise HTTPException(403)
    return None if x_tenant == "none" else (x_tenant or "")


@pytest.fixture
def vault(postgres: PostgresServer) -> Generator[str]:
    """Give the name of a database whose rows a policy divides."""
    with postgres.fresh_database() as name:
        run(postgres, name, *SETUP)
        yield name


def run(postgres: PostgresServer, name: str, *statements: str) -> None:
    """Run statements as the owner of a database."""
    with postgres.connect(name) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(params=["asyncpg", "psycopg", "psycopg-sync"])
async def http(
    request: pytest.FixtureRequest, postgres: PostgresServer, vault: str
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve notes by a role that row-level security holds for, over one connection."""
    driver: str = request.param
    url = postgres.url(driver.removesuffix("-sync"), vault)
    url = url.replace("//postgres", "//settings_app", 1)
    options: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}
    app = FastAPI()
    if driver.endswith("sync"):
        sync_engine = create_engine(url, **options)
        alchemy = AdvancedAlchemy(SQLAlchemySyncConfig(engine_instance=sync_engine), app)
        app.include_router(notes(alchemy, SyncNoteService))
    else:
        engine = create_async_engine(url, **options)
        alchemy = AdvancedAlchemy(SQLAlchemyAsyncConfig(engine_instance=engine), app)
        app.include_router(notes(alchemy, NoteService))

    @app.get("/plain")
    async def list_plainly(
        session: Annotated[Any, Depends(alchemy.provide_session())],
    ) -> list[int]:
        # Nothing sets anything for this one.
        found = session.scalars(select(Note.tenant_id))
        return list(found) if isinstance(found, ScalarResult) else list(await found)

    async with client(app) as made:
        yield made


def notes(alchemy: AdvancedAlchemy, kind: Any) -> APIRouter:
    """Make the router, with a route of its own that uses the service alone."""
    router = CRUDRouter(
        alchemy.provide_service(kind),
        read=NoteRead,
        create=NoteCreate,
        update=NoteUpdate,
        prefix="/notes",
        filters={Note.text: ["eq"]},
        bulk=5,
        settings={"app.tenant_id": tenant_setting},
    )

    @router.get("/own")
    async def list_tenants(
        rows: Annotated[Rows[Any], Depends(router.resource.rows)],
    ) -> list[int]:
        found = rows.service.get_many()
        listed = found if isinstance(found, list) else await found
        return sorted(note.tenant_id for note in listed)

    return router


def of(tenant: int | str) -> dict[str, str]:
    return {"x-tenant": str(tenant)}


async def texts(http: httpx2.AsyncClient, headers: dict[str, str]) -> list[str]:
    """Return what a caller sees."""
    page = (await http.get("/notes", headers=headers)).json()
    assert page["total"] == len(page["items"])
    return [row["text"] for row in page["items"]]


async def test_each_transaction_has_its_own_setting(http: httpx2.AsyncClient) -> None:
    """On one connection: tenant 1, tenant 2, nobody, each sees its own, after errors as well."""
    for _ in range(2):
        assert await texts(http, of(1)) == ["one"]
        assert await texts(http, of(2)) == ["two", "more"]
        assert await texts(http, {}) == []
        committed = await http.patch("/notes/1", json={"text": "one"}, headers=of(1))
        assert committed.status_code == 200
        assert (await http.get("/plain")).json() == []
        assert (await http.get("/notes", headers=of("refused"))).status_code == 403
        taken = await http.post("/notes", json={"text": "two", "tenant_id": 1}, headers=of(1))
        assert taken.status_code == 409
        assert await texts(http, {}) == []
    two = (await http.get("/notes", headers=of(2))).json()["items"][0]["id"]
    assert (await http.get(f"/notes/{two}", headers=of(1))).status_code == 404
    assert (await http.patch(f"/notes/{two}", json={"text": "t"}, headers=of(1))).status_code == 404
    assert (await http.delete(f"/notes/{two}", headers=of(1))).status_code == 404
    assert (await http.delete(f"/notes?id={two}", headers=of(1))).status_code == 404
    assert (await http.get("/notes/own", headers=of(1))).json() == [1]
    assert (await http.get("/notes/own")).json() == []


async def test_a_write_that_the_policy_refuses_is_a_problem(http: httpx2.AsyncClient) -> None:
    """A row of another tenant, new or moved there, is refused by PostgreSQL and is no 5xx."""
    for tenant in (2, 77):
        made = await http.post("/notes", json={"text": "n", "tenant_id": tenant}, headers=of(1))
        one = (await http.get("/notes", headers=of(1))).json()["items"][0]["id"]
        moved = await http.patch(f"/notes/{one}", json={"tenant_id": tenant}, headers=of(1))
        assert (made.status_code, moved.status_code) == (422, 422)
        assert made.json()["type"] == "urn:holdfast:problem:outside-scope"
    assert await texts(http, of(1)) == ["one"]
    assert await texts(http, of(2)) == ["two", "more"]


@pytest.mark.parametrize("http", ["asyncpg", "psycopg"], indirect=True)
async def test_a_services_own_statements_have_the_setting(http: httpx2.AsyncClient) -> None:
    """What a hook reads is of the tenant alone, in a transaction that it has begun as well."""
    seen_by_hook.clear()
    made = await http.post("/notes", json={"text": "new", "tenant_id": 2}, headers=of(2))
    assert made.status_code == 201
    assert seen_by_hook == [[2, 2], [2, 2]]
    made = await http.post("/notes", json={"text": "new one", "tenant_id": 1}, headers=of(1))
    assert made.status_code == 201
    assert seen_by_hook[2:] == [[1], [1]]


async def test_a_missing_privilege_is_the_servers_affair(
    http: httpx2.AsyncClient, postgres: PostgresServer, vault: str
) -> None:
    """It has the code of what a policy refuses, and is no mistake of the client."""
    run(postgres, vault, "REVOKE INSERT ON settings_note FROM settings_app")
    with pytest.raises(exceptions.IntegrityError) as raised:
        await http.post("/notes", json={"text": "n", "tenant_id": 1}, headers=of(1))
    assert "permission denied" in str(raised.value.__cause__)


@pytest.mark.parametrize("http", ["asyncpg"], indirect=True)
async def test_none_is_no_value(http: httpx2.AsyncClient) -> None:
    """A dependency that gives None is a mistake, which must not become the text `None`."""
    with pytest.raises(ConfigurationError, match="Raise a 401 or 403 where there is no value"):
        await http.get("/notes", headers=of("none"))


def _router(connection_string: str, **options: Any) -> None:
    config = SQLAlchemyAsyncConfig(connection_string=connection_string)
    alchemy = AdvancedAlchemy(config, FastAPI())
    provider = alchemy.provide_service(NoteService)
    CRUDRouter(provider, read=NoteRead, **options)


def test_what_cannot_be_set_is_refused() -> None:
    """Other databases have no such settings, names have a form, and nobody's rows are estimated."""
    own: dict[str, Any] = {"settings": {"app.tenant_id": tenant_setting}}
    postgres = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    with pytest.raises(ConfigurationError, match="Use `scope=` there"):
        _router("sqlite+aiosqlite://", **own)
    with pytest.raises(ConfigurationError, match=r"Write letters, digits and underscores"):
        _router(postgres, settings={"app.tenant id": tenant_setting})
    with pytest.raises(ConfigurationError, match="Leave 'estimated' out of `totals`"):
        _router(postgres, totals=["estimated"], **own)
