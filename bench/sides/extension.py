"""The application as a user writes it. Upstream's side and Holdfast's differ in one import."""

import os
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import Depends, FastAPI

from bench.sides.authors import PAGE_SIZE, AuthorCreate, AuthorRead, AuthorService
from bench.sides.engine import make_engine

if TYPE_CHECKING or os.environ["BENCH_SIDE"] == "holdfast":
    from holdfast import (
        AdvancedAlchemy,
        AsyncSessionConfig,
        SQLAlchemyAsyncConfig,
        filters,
        service,
    )
else:
    from advanced_alchemy.extensions.fastapi import (
        AdvancedAlchemy,
        AsyncSessionConfig,
        SQLAlchemyAsyncConfig,
        filters,
        service,
    )

__all__ = ("app",)

app = FastAPI()
alchemy = AdvancedAlchemy(
    config=SQLAlchemyAsyncConfig(
        engine_instance=make_engine(),
        session_config=AsyncSessionConfig(expire_on_commit=False),
        commit_mode="autocommit",
    ),
    app=app,
)

Authors = Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))]
Filters = Annotated[
    list[filters.FilterTypes],
    Depends(
        alchemy.provide_filters(
            {
                "id_filter": UUID,
                "created_at": True,
                "updated_at": True,
                "pagination_type": "limit_offset",
                "pagination_size": PAGE_SIZE,
                "search": "name",
                "search_ignore_case": True,
                "sort_field": "name",
                "sort_order": "asc",
            }
        )
    ),
]


@app.get("/authors")
async def list_authors(authors: Authors, filters: Filters) -> service.OffsetPagination[AuthorRead]:
    """List authors: search them, filter them, sort them, page through them."""
    found, total = await authors.get_many_and_count(*filters)
    return authors.to_schema(found, total, filters=filters, schema_type=AuthorRead)


@app.get("/authors/{author_id}")
async def get_author(authors: Authors, author_id: UUID) -> AuthorRead:
    """Return one author."""
    return authors.to_schema(await authors.get(author_id), schema_type=AuthorRead)


@app.post("/authors", status_code=201)
async def create_author(authors: Authors, data: AuthorCreate) -> AuthorRead:
    """Add an author."""
    return authors.to_schema(await authors.create(data), schema_type=AuthorRead)
