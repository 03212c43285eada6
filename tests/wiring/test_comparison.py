"""The README's table: the tutorial's pattern, upstream's extension and Holdfast, side by side."""

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Annotated, Any, Literal

import advanced_alchemy.extensions.fastapi as upstream
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

import holdfast
from holdfast.testing import lose_next_commit_reply
from tests import asgi
from tests.engines.database import Database

Wiring = Literal["tutorial", "upstream", "holdfast"]

TABLE = """
    CREATE TABLE note (
        id int PRIMARY KEY,
        parent int REFERENCES note DEFERRABLE INITIALLY DEFERRED
    )
"""
NOTES = "SELECT id FROM note"
POSTGRES = pytest.mark.parametrize("async_database", ["asyncpg"], indirect=True)


class Served:
    """An application with one writing route, wired in one of the three ways."""

    def __init__(self, wiring: Wiring, url: str) -> None:
        self.app = FastAPI()
        self.engine = create_async_engine(url)
        self.session = self._tutorial() if wiring == "tutorial" else self._extension(wiring)

    def _tutorial(self) -> Any:
        maker = async_sessionmaker(self.engine)

        async def session() -> AsyncGenerator[AsyncSession]:
            async with maker() as session:
                yield session
                await session.commit()

        return session

    def _extension(self, wiring: Wiring) -> Any:
        package: Any = holdfast if wiring == "holdfast" else upstream
        config = package.SQLAlchemyAsyncConfig(
            engine_instance=self.engine, commit_mode="autocommit"
        )
        return package.AdvancedAlchemy(config, self.app).provide_session()

    def route(self, write: Callable[[AsyncSession], Any]) -> None:
        @self.app.post("/", status_code=201)
        async def handler(session: Annotated[AsyncSession, Depends(self.session)]) -> None:
            await write(session)


@pytest.fixture(params=["tutorial", "upstream", "holdfast"])
async def served(
    request: pytest.FixtureRequest, async_database: Database
) -> AsyncGenerator[Served]:
    served = Served(request.param, async_database.url)
    async with served.engine.begin() as connection:
        await connection.execute(text(TABLE))
    yield served
    await served.engine.dispose()


def is_honest(request: pytest.FixtureRequest) -> bool:
    wiring: str = request.node.callspec.params["served"]
    return wiring == "holdfast"


@POSTGRES
async def test_a_commit_that_fails(
    served: Served, async_database: Database, request: pytest.FixtureRequest
) -> None:
    """The row is in none of the three; only Holdfast does not say that it is."""

    async def write(session: AsyncSession) -> None:
        await session.execute(text("INSERT INTO note VALUES (1, 99)"))

    served.route(write)
    answer = await call(served)
    assert answer == (409 if is_honest(request) else 201)
    assert async_database.query(NOTES) == []


@POSTGRES
async def test_an_error_that_was_swallowed(
    served: Served, async_database: Database, request: pytest.FixtureRequest
) -> None:
    """PostgreSQL turns COMMIT into ROLLBACK without an error; only Holdfast notices."""

    async def write(session: AsyncSession) -> None:
        await session.execute(text("INSERT INTO note VALUES (1)"))
        with suppress(DBAPIError):
            await session.execute(text("INSERT INTO note VALUES (1)"))

    served.route(write)
    answer = await call(served)
    assert answer == (409 if is_honest(request) else 201)
    assert async_database.query(NOTES) == []


@POSTGRES
async def test_a_reply_that_is_lost(
    served: Served, async_database: Database, request: pytest.FixtureRequest
) -> None:
    """The row may be there or not; only Holdfast says that this is unknown."""

    async def write(session: AsyncSession) -> None:
        await session.execute(text("INSERT INTO note VALUES (1)"))

    served.route(write)
    with lose_next_commit_reply(served.engine):
        answer = await call(served)
    assert answer == (500 if is_honest(request) else 201)
    assert async_database.query(NOTES) == [(1,)]


@POSTGRES
async def test_a_read_at_the_first_byte(
    served: Served, async_database: Database, request: pytest.FixtureRequest
) -> None:
    """When the 201 reaches the client, another connection finds the row with Holdfast alone."""

    async def write(session: AsyncSession) -> None:
        await session.execute(text("INSERT INTO note VALUES (1)"))

    served.route(write)
    seen: list[Any] = []
    await call(served, on_start=lambda _: seen.append(async_database.query(NOTES)))
    assert seen == [[(1,)] if is_honest(request) else []]


async def call(served: Served, on_start: Callable[[Any], Any] | None = None) -> int | None:
    recording = await asgi.request(served.app, "POST", "/", on_start=on_start)
    return recording.status
