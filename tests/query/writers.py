"""Services on a database of its own for each driver, to write one row and look at what happened."""

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from advanced_alchemy.repository import SQLAlchemyAsyncRepository, SQLAlchemySyncRepository
from advanced_alchemy.service import (
    SQLAlchemyAsyncRepositoryService,
    SQLAlchemySyncRepositoryService,
)
from sqlalchemy import Engine, MetaData, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from holdfast import SQLitePragmas
from holdfast.testing import count_statements
from tests.engines.database import Database
from tests.library import Base

__all__ = ("DRIVERS", "Writer", "opened", "service_class")

DRIVERS = ("aiosqlite", "asyncpg", "asyncmy", "pysqlite", "psycopg-sync")
T = TypeVar("T")


def service_class(model: type[Any], members: dict[str, Any], *, is_async: bool) -> type[Any]:
    """Make a service of a model, with members of its own."""
    repository: Any = SQLAlchemyAsyncRepository if is_async else SQLAlchemySyncRepository
    service: Any = SQLAlchemyAsyncRepositoryService if is_async else SQLAlchemySyncRepositoryService
    repository_type = type("Repository", (repository,), {"model_type": model})
    return type(
        "Service",
        (service,),
        {
            "repository_type": repository_type,
            **members,
        },
    )


@dataclass
class Writer:
    """What a request does, without the request: a service, a transaction, and its statements.

    Attributes:
        database: Where it writes.
        engine: Of the driver that the fixture is about.
        statements: What was sent to the database by the last `run`.
    """

    database: Database
    engine: Engine | AsyncEngine
    statements: list[str] = field(default_factory=list[str])

    @property
    def is_async(self) -> bool:
        return isinstance(self.engine, AsyncEngine)

    @property
    def sync_engine(self) -> Engine:
        return self.engine.sync_engine if isinstance(self.engine, AsyncEngine) else self.engine

    async def run(
        self,
        model: type[Any],
        work: Callable[[Any], T],
        *,
        members: dict[str, Any] | None = None,
    ) -> T:
        """Run work on a service in a transaction, which an exception undoes."""
        cls = service_class(model, members or {}, is_async=self.is_async)
        with count_statements(self.engine) as statements:
            self.statements = statements
            if isinstance(self.engine, AsyncEngine):
                async with AsyncSession(self.engine, expire_on_commit=False) as session:
                    service = cls(session=session)
                    result = await session.run_sync(lambda _: work(service))
                    await session.commit()
                    return result
            with Session(self.engine, expire_on_commit=False) as session:
                result = work(cls(session=session))
                session.commit()
                return result

    async def prepare(self, metadata: MetaData) -> None:
        """Make the tables."""
        if isinstance(self.engine, AsyncEngine):
            async with self.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
        else:
            metadata.create_all(self.engine)

    async def empty(self, metadata: MetaData) -> None:
        """Delete every row."""
        tables = reversed(metadata.sorted_tables)
        if isinstance(self.engine, AsyncEngine):
            async with self.engine.begin() as connection:
                for table in tables:
                    await connection.execute(table.delete())
        else:
            with self.engine.begin() as connection:
                for table in tables:
                    connection.execute(table.delete())


@asynccontextmanager
async def opened(
    request: pytest.FixtureRequest, metadata: MetaData = Base.metadata
) -> AsyncGenerator[Writer]:
    """Open a writer on an empty database, for the driver that a fixture is parametrised with."""
    backend: str = request.param
    with ExitStack() as stack:
        if "sqlite" in backend:
            factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
            database = Database.sqlite(backend, factory.mktemp("writes") / "test.sqlite")
        else:
            is_mariadb = backend == "asyncmy"
            server: Any = request.getfixturevalue("mariadb" if is_mariadb else "postgres")
            name = stack.enter_context(server.fresh_database())
            describe: Any = Database.mariadb if is_mariadb else Database.postgres
            database = describe(backend, server, name)
        options = {"pool_size": 20, "max_overflow": 0}
        make: Any = create_async_engine if database.is_async else create_engine
        writer = Writer(database, make(database.url, **options))
        SQLitePragmas().install(writer.sync_engine)
        await writer.prepare(metadata)
        yield writer
        if isinstance(writer.engine, AsyncEngine):
            await writer.engine.dispose()
        else:
            writer.engine.dispose()
