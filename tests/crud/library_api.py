"""An API of the library: what the tests of generated routes serve."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import MetaData, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from holdfast import (
    AdvancedAlchemy,
    SQLAlchemyAsyncConfig,
    SQLitePragmas,
    repository,
    service,
)
from holdfast.testing import client
from tests.library import Author, Base, Book, Country, database_for

__all__ = (
    "AuthorCreate",
    "AuthorRead",
    "AuthorService",
    "AuthorUpdate",
    "BookRead",
    "BookService",
    "CountryRead",
    "CountryService",
    "Library",
    "opened_library",
)


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    """Authors."""

    class Repository(repository.SQLAlchemyAsyncRepository[Author]):
        model_type = Author

    repository_type = Repository


class BookService(service.SQLAlchemyAsyncRepositoryService[Book]):
    """Books."""

    class Repository(repository.SQLAlchemyAsyncRepository[Book]):
        model_type = Book

    repository_type = Repository


class CountryService(service.SQLAlchemyAsyncRepositoryService[Country]):
    """Countries."""

    class Repository(repository.SQLAlchemyAsyncRepository[Country]):
        model_type = Country
        id_attribute = "code"

    repository_type = Repository


class CountryRead(BaseModel):
    """A country as it is answered."""

    code: str
    name: str


class BookRead(BaseModel):
    """A book as it is answered."""

    id: int
    title: str


class AuthorRead(BaseModel):
    """An author as it is answered."""

    id: int
    name: str
    email: str | None
    rating: int | None


class AuthorCreate(BaseModel):
    """An author as it is sent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")
    email: str | None = Field(default=None, max_length=100, pattern=r"^[^\x00]+$")
    rating: int | None = Field(default=None, ge=0, le=5)


class AuthorUpdate(BaseModel):
    """What of an author changes."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", min_length=1, max_length=100, pattern=r"^[^\x00]+$")
    email: str | None = Field(default=None, max_length=100, pattern=r"^[^\x00]+$")
    rating: int | None = Field(default=None, ge=0, le=5)


class Library:
    """The library in one database, whose tables each test finds empty.

    Attributes:
        engine: The application's.
        query: Runs a statement on a connection of its own, and returns its rows.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        query: Callable[[str], list[tuple[Any, ...]]],
        metadata: MetaData = Base.metadata,
    ) -> None:
        self.engine = engine
        self.query = query
        self._metadata = metadata

    def app(self, **options: Any) -> tuple[FastAPI, AdvancedAlchemy]:
        """Make an application on the database, without routes."""
        app = FastAPI()
        alchemy = AdvancedAlchemy(
            SQLAlchemyAsyncConfig(engine_instance=self.engine, metadata=self._metadata),
            app,
            **options,
        )
        return app, alchemy

    @asynccontextmanager
    async def client(self, app: FastAPI, **options: Any) -> AsyncGenerator[httpx2.AsyncClient]:
        """Serve an application; the engine stays open when it stops."""
        async with client(app, lifespan=False, **options) as http:
            yield http

    def empty(self) -> None:
        """Delete every row."""
        for table in reversed(self._metadata.sorted_tables):
            self.query(f"DELETE FROM {table.name}")


@asynccontextmanager
async def opened_library(
    engine: str, request: pytest.FixtureRequest, metadata: MetaData = Base.metadata
) -> AsyncGenerator[Library]:
    """Open the library in a database of one of the engines, for all tests of a module.

    With other tables where other `metadata` is given.
    """
    with database_for(engine, request) as database:
        options: dict[str, Any] = {"poolclass": NullPool} if engine == "sqlite" else {}
        made = create_async_engine(database.url, **options)
        if engine == "sqlite":
            SQLitePragmas().install(made.sync_engine)
        async with made.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield Library(made, database.query, metadata)
        await made.dispose()
