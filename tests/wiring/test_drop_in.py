"""Changing one import: what was written for upstream's extension works as it stands."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast import AdvancedAlchemy, service
from holdfast.testing import client
from tests.engines.database import Database
from tests.wiring.authors import Author, AuthorRead, AuthorService, async_config

SEED = """\
from fastapi import FastAPI
from holdfast import AdvancedAlchemy, AsyncSessionConfig, SQLAlchemyAsyncConfig

alchemy = AdvancedAlchemy(
    config=SQLAlchemyAsyncConfig(
        connection_string="sqlite+aiosqlite:///test.sqlite",
        session_config=AsyncSessionConfig(expire_on_commit=False),
        create_all=True,
        commit_mode="autocommit",
    ),
    app=FastAPI(),
)
"""
UPSTREAM = SEED.replace("from holdfast import", "from advanced_alchemy.extensions.fastapi import")
SUBMODULES = """\
from holdfast import (
    DEPENDENCY_DEFAULTS, DependencyDefaults, EngineConfig, FilterConfig, base, exceptions,
    filters, mixins, operations, repository, service, types, utils,
)
from holdfast.providers import FieldNameType, provide_filters, provide_service
"""


def run(source: str) -> dict[str, Any]:
    """Run a program, and return the names it defined."""
    names: dict[str, Any] = {}
    exec(source, names)
    return names


async def test_the_seed_example_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest program there is starts, makes its tables and commits before it answers."""
    monkeypatch.chdir(tmp_path)
    alchemy: AdvancedAlchemy = run(SEED)["alchemy"]
    file = Database.sqlite("pysqlite", tmp_path / "test.sqlite")

    async def provide_authors(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> AsyncGenerator[AuthorService, None]:
        async with AuthorService.new(session=session) as authors:
            yield authors

    app = alchemy.app
    assert isinstance(app, FastAPI)

    @app.post("/authors/{name}", status_code=201)
    async def create(
        name: str, authors: Annotated[AuthorService, Depends(provide_authors)]
    ) -> AuthorRead:
        author = await authors.create({"name": name})
        assert file.query("SELECT name FROM wiring_author") == []
        return authors.to_schema(author, schema_type=AuthorRead)

    @app.get("/authors")
    async def list_authors(
        authors: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> service.OffsetPagination[AuthorRead]:
        found, total = await authors.get_many_and_count()
        return authors.to_schema(found, total, schema_type=AuthorRead)

    async with client(app) as http:
        answer = await http.post("/authors/Lem")
        assert (answer.status_code, answer.json()["name"]) == (201, "Lem")
        assert file.query("SELECT name FROM wiring_author") == [("Lem",)]
        assert (await http.get("/authors")).json()["items"] == [answer.json()]


def test_the_seed_example_is_upstreams() -> None:
    """The same program with upstream's import runs too: the import is all that changed."""
    theirs, ours = run(UPSTREAM)["alchemy"], run(SEED)["alchemy"]
    assert type(theirs) is not type(ours)
    assert public_names(theirs) <= public_names(ours)


def public_names(value: object) -> set[str]:
    return {name for name in dir(value) if not name.startswith("_")}


def test_configs_have_everything_that_upstreams_have() -> None:
    """No attribute or method of upstream's configs is missing, but one."""
    theirs, ours = run(UPSTREAM)["alchemy"], run(SEED)["alchemy"]
    missing = public_names(theirs.config[0]) - public_names(ours.config[0])
    # Upstream's own middleware called it; nothing takes its place because nothing is left to do.
    assert missing == {"middleware_dispatch"}


def test_names_of_submodules_are_importable() -> None:
    """What was imported from upstream's submodules is imported from here."""
    assert run(SUBMODULES)["DEPENDENCY_DEFAULTS"].DEFAULT_PAGINATION_SIZE == 20


async def test_objects_stay_readable_after_the_commit(async_url: str) -> None:
    """With upstream's default of expiring on commit, an answer can still read what was saved."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_url), app)

    @app.post("/", status_code=201)
    async def create(
        session: Annotated[AsyncSession, Depends(alchemy.provide_async_session())],
    ) -> AuthorRead:
        author = Author(name="Lem")
        session.add(author)
        await session.flush()
        return AuthorRead.model_validate(author, from_attributes=True)

    async with client(app) as http:
        assert (await http.post("/")).json()["name"] == "Lem"


async def test_a_handler_may_commit_itself(async_database: Database) -> None:
    """In upstream's default mode, manual, a handler that commits is served as it always was."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(async_database.url, commit_mode="manual"), app)

    @app.post("/", status_code=201)
    async def create(
        session: Annotated[AsyncSession, Depends(alchemy.provide_async_session())],
    ) -> None:
        session.add(Author(name="Lem"))
        await session.commit()
        assert (await session.scalars(select(Author.name))).one() == "Lem"

    async with client(app) as http:
        assert (await http.post("/")).status_code == 201
    assert async_database.query("SELECT name FROM wiring_author") == [("Lem",)]
