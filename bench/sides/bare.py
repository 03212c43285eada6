"""The same handlers over a bare ``async_sessionmaker``: what a layer without cost would reach.

They run the same SQL through the same service. No filter is read from the query string: the values
that the requests carry are written down here, but for the page number.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from advanced_alchemy import filters, service
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from bench.sides.authors import PAGE_SIZE, AuthorCreate, AuthorRead, AuthorService
from bench.sides.engine import make_engine

__all__ = ("app",)

engine = make_engine()
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def dispose_at_end(_app: FastAPI) -> AsyncGenerator[None]:
    """Close the pool when the application stops."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=dispose_at_end)


async def provide_session() -> AsyncGenerator[AsyncSession]:
    """Give a session, closed once the answer has left."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(provide_session)]
CREATED = filters.BeforeAfter("created_at", None, datetime(2024, 1, 3, tzinfo=UTC))
NAMED = filters.SearchFilter("name", "er", ignore_case=True)
BY_NAME = filters.OrderBy("name", "asc")


@app.get("/authors")
async def list_authors(
    session: Session,
    currentPage: int = 1,  # noqa: N803
) -> service.OffsetPagination[AuthorRead]:
    """List authors with one fixed set of filters."""
    page = filters.LimitOffset(PAGE_SIZE, PAGE_SIZE * (currentPage - 1))
    authors = AuthorService(session=session)
    found, total = await authors.get_many_and_count(CREATED, page, NAMED, BY_NAME)
    return authors.to_schema(found, total, filters=[page], schema_type=AuthorRead)


@app.get("/authors/{author_id}")
async def get_author(session: Session, author_id: UUID) -> AuthorRead:
    """Return one author."""
    authors = AuthorService(session=session)
    return authors.to_schema(await authors.get(author_id), schema_type=AuthorRead)


@app.post("/authors", status_code=201)
async def create_author(session: Session, data: AuthorCreate) -> AuthorRead:
    """Add an author, committed before the handler returns."""
    authors = AuthorService(session=session)
    author = await authors.create(data)
    await session.commit()
    return authors.to_schema(author, schema_type=AuthorRead)
