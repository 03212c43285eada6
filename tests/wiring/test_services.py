"""Services as dependencies: built on the request's session, committed by the boundary."""

import logging
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast import AdvancedAlchemy, exceptions, filters, providers, service
from holdfast.errors import ConfigurationError
from holdfast.testing import client
from tests.engines.database import Database
from tests.wiring.authors import (
    Author,
    AuthorRead,
    AuthorService,
    SyncAuthorService,
    async_config,
    sync_config,
)

NAMES = "SELECT name FROM wiring_author ORDER BY name"
AIOSQLITE = pytest.mark.parametrize("async_database", ["aiosqlite"], indirect=True)


class AuthorCreate(BaseModel):
    name: str


async def test_an_async_service_is_committed(async_database: Database) -> None:
    """What a service creates is in the database when the answer arrives."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)

    @app.post("/", status_code=201)
    async def create(
        data: AuthorCreate,
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> AuthorRead:
        return authors.to_schema(await authors.create(data), schema_type=AuthorRead)

    async with client(app) as http:
        answer = await http.post("/", json={"name": "Le Guin"})
    assert (answer.status_code, answer.json()["name"]) == (201, "Le Guin")
    assert async_database.query(NAMES) == [("Le Guin",)]


async def test_a_sync_service_is_committed(sync_database: Database) -> None:
    """A sync service in a plain function handler is committed as well."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(sync_config(sync_database.url), app)

    @app.post("/", status_code=201)
    def create(
        data: AuthorCreate,
        authors: Annotated[SyncAuthorService, Depends(alchemy.provide_service(SyncAuthorService))],
    ) -> AuthorRead:
        return authors.to_schema(authors.create(data), schema_type=AuthorRead)

    async with client(app) as http:
        answer = await http.post("/", json={"name": "Le Guin"})
    assert (answer.status_code, answer.json()["name"]) == (201, "Le Guin")
    assert sync_database.query(NAMES) == [("Le Guin",)]


@AIOSQLITE
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_a_service_of_either_scope_is_committed(async_database: Database, scope: Any) -> None:
    """A dependency that ends before the answer and one that ends after it both commit."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)
    provide = alchemy.provide_service(AuthorService)

    @app.post("/", status_code=201)
    async def create(authors: Annotated[AuthorService, Depends(provide, scope=scope)]) -> None:
        await authors.create({"name": "Lem"})

    async with client(app) as http:
        assert (await http.post("/")).status_code == 201
    assert async_database.query(NAMES) == [("Lem",)]


@AIOSQLITE
async def test_a_service_made_by_hand_is_committed(async_database: Database) -> None:
    """An async generator of one's own around `Service.new(session=...)` commits as well."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)

    async def provide(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> AsyncGenerator[AuthorService, None]:
        async with AuthorService.new(session=session) as authors:
            yield authors

    @app.post("/", status_code=201)
    async def create(authors: Annotated[AuthorService, Depends(provide)]) -> None:
        await authors.create({"name": "Lem"})

    async with client(app) as http:
        await http.post("/")
    assert async_database.query(NAMES) == [("Lem",)]


@AIOSQLITE
async def test_a_failed_request_leaves_nothing(async_database: Database) -> None:
    """When the handler raises after a write through its service, the write is undone."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)

    @app.post("/")
    async def create(
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> None:
        await authors.create({"name": "Lem"})
        raise ValueError

    async with client(app, raise_app_exceptions=False) as http:
        assert (await http.post("/")).status_code == 500
    assert async_database.query(NAMES) == []


@AIOSQLITE
async def test_a_page_of_schemas_is_served(async_database: Database) -> None:
    """Filters, `to_schema` and `OffsetPagination` answer as they do upstream."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)
    provide_filters = alchemy.provide_filters(
        {"pagination_type": "limit_offset", "pagination_size": 2, "sort_field": ["name"]}
    )

    @app.get("/")
    async def list_authors(
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
        asked: Annotated[list[filters.FilterTypes], Depends(provide_filters)],
    ) -> service.OffsetPagination[AuthorRead]:
        found, total = await authors.get_many_and_count(*asked)
        return authors.to_schema(found, total, filters=asked, schema_type=AuthorRead)

    async with client(app) as http:
        async with alchemy.transaction() as session:
            session.add_all([Author(name=name) for name in ("Lem", "Le Guin", "Atwood")])
        page = (await http.get("/", params={"orderBy": "name", "sortOrder": "asc"})).json()
    assert [item["name"] for item in page.pop("items")] == ["Atwood", "Le Guin"]
    assert page == {"limit": 2, "offset": 0, "total": 3}


def test_equal_options_give_the_same_function() -> None:
    """For equal options a provider is the same function; for others it is another."""
    alchemy = AdvancedAlchemy([async_config(), async_config(bind_key="two")])
    statement = select(Author)
    provide = alchemy.provide_service
    assert provide(AuthorService) is provide(AuthorService, key="default")
    assert provide(AuthorService, statement=statement) is provide(
        AuthorService, statement=statement
    )
    assert providers.provide_service(AuthorService, extension=alchemy) is provide(AuthorService)
    others = [
        provide(AuthorService, key="two"),
        provide(AuthorService, statement=statement),
        provide(AuthorService, uniquify=True),
        provide(AuthorService, uniquify=False),
        provide(AuthorService, load=[Author.id]),
    ]
    assert len({provide(AuthorService), *others}) == 6


@AIOSQLITE
async def test_options_reach_the_service(async_database: Database) -> None:
    """A statement given to the provider restricts what is found; its messages are raised."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)
    statement = select(Author).where(Author.name != "Lem")
    provide = alchemy.provide_service(
        AuthorService,
        statement=statement,
        load=[],
        execution_options={"populate_existing": True},
        error_messages={"not_found": "No such author."},
        uniquify=True,
        count_with_window_function=False,
    )

    @app.get("/")
    async def names(authors: Annotated[AuthorService, Depends(provide)]) -> list[str]:
        with pytest.raises(exceptions.NotFoundError, match="No such author"):
            await authors.get(uuid4())
        return [author.name for author in await authors.get_many()]

    async with client(app) as http:
        async with alchemy.transaction() as session:
            session.add_all([Author(name=name) for name in ("Lem", "Le Guin")])
        assert (await http.get("/")).json() == ["Le Guin"]


async def test_a_service_can_be_overridden() -> None:
    """`dependency_overrides` replaces a service, because each call gives the same provider."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(), app)
    app.dependency_overrides[alchemy.provide_service(AuthorService)] = lambda: "replaced"

    @app.get("/")
    async def look(
        authors: Annotated[Any, Depends(alchemy.provide_service(AuthorService))],
    ) -> bool:
        return bool(authors == "replaced")

    async with client(app) as http:
        assert (await http.get("/")).json() is True


@AIOSQLITE
async def test_an_overridden_session_belongs_to_its_provider(
    async_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that a test put in place is not committed, and the log says so once."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url), app)
    provide = alchemy.provide_service(AuthorService)

    @app.post("/{name}", status_code=201)
    async def create(name: str, authors: Annotated[AuthorService, Depends(provide)]) -> None:
        await authors.create({"name": name})

    async with client(app) as http, async_sessionmaker(alchemy.get_async_engine())() as session:
        app.dependency_overrides[alchemy.provide_session()] = lambda: session
        with caplog.at_level(logging.WARNING, "holdfast"):
            assert [(await http.post(f"/{name}")).status_code for name in "ab"] == [201, 201]
        assert session.in_transaction()
        assert len((await session.scalars(select(Author))).all()) == 2
    assert async_database.query(NAMES) == []
    assert [record.getMessage() for record in caplog.records] == [
        "The session of AuthorService was overridden, so Holdfast neither commits nor closes it"
    ]


@pytest.mark.parametrize("wrong", [Author, "AuthorService", object()])
def test_what_is_no_service_class_is_refused(wrong: Any) -> None:
    """A model, a name or an instance in place of a service class fails where it is written."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(async_config()).provide_service(wrong)
    assert "is not a service class. Pass a subclass of" in str(caught.value)
    assert str(caught.value).endswith("(or its sync counterpart), not an instance.")


def test_an_async_service_on_a_sync_database_is_refused() -> None:
    """An async service does not fit a sync database, and the message says what would."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(sync_config()).provide_service(AuthorService)
    assert str(caught.value).endswith(
        "Use `SQLAlchemyAsyncConfig`, or name another bind with `key=`."
    )


def test_a_sync_service_on_an_async_database_is_refused() -> None:
    """A sync service does not fit an async database, and the message says what would."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(async_config()).provide_service(SyncAuthorService)
    assert str(caught.value).endswith(
        "Use `SQLAlchemySyncConfig`, or name another bind with `key=`."
    )


def test_a_service_of_an_unknown_database_is_refused() -> None:
    """An unknown bind key fails where the provider is made, not in a request."""
    with pytest.raises(ConfigurationError, match="no database with the bind key 'archive'"):
        AdvancedAlchemy([async_config(), async_config(bind_key="two")]).provide_service(
            AuthorService, "archive"
        )
