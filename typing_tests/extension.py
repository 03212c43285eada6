"""What type checkers make of the extension. Checked, never run."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, assert_type

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, Session
from starlette.applications import Starlette

from holdfast import (
    AdvancedAlchemy,
    SQLAlchemyAsyncConfig,
    SQLAlchemySyncConfig,
    base,
    filters,
    providers,
    repository,
    service,
)
from holdfast.wiring.services import ServiceProvider


class Author(base.UUIDBase):
    name: Mapped[str]


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    class Repository(repository.SQLAlchemyAsyncRepository[Author]):
        model_type = Author

    repository_type = Repository


class SyncAuthorService(service.SQLAlchemySyncRepositoryService[Author]):
    class Repository(repository.SQLAlchemySyncRepository[Author]):
        model_type = Author

    repository_type = Repository


class ReadService(service.SQLAlchemyAsyncRepositoryReadService[Author]):
    repository_type = AuthorService.Repository


async_config = SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://")
sync_config = SQLAlchemySyncConfig(connection_string="sqlite://", bind_key="sync")
app = FastAPI()
alchemy = AdvancedAlchemy(async_config, app)

assert_type(AdvancedAlchemy([async_config, sync_config]), AdvancedAlchemy)
assert_type(AdvancedAlchemy(config=sync_config, app=app, commit_timeout=5.0), AdvancedAlchemy)
assert_type(alchemy.init_app(Starlette()), None)
assert_type(alchemy.app, Starlette)
assert_type(alchemy.config, Sequence[SQLAlchemyAsyncConfig | SQLAlchemySyncConfig])

assert_type(alchemy.get_config("sync"), SQLAlchemyAsyncConfig | SQLAlchemySyncConfig)
assert_type(alchemy.get_async_config(), SQLAlchemyAsyncConfig)
assert_type(alchemy.get_sync_config("sync"), SQLAlchemySyncConfig)

assert_type(alchemy.get_engine(), AsyncEngine | Engine)
assert_type(alchemy.get_async_engine(), AsyncEngine)
assert_type(alchemy.get_sync_engine("sync"), Engine)
assert_type(alchemy.provide_engine(), Callable[..., Coroutine[Any, Any, AsyncEngine | Engine]])
assert_type(alchemy.health_router("/-", timeout=0.5), APIRouter)
assert_type(alchemy.provide_async_engine(), Callable[..., Coroutine[Any, Any, AsyncEngine]])
assert_type(alchemy.provide_sync_engine(), Callable[..., Coroutine[Any, Any, Engine]])

assert_type(alchemy.provide_session(), Callable[..., Coroutine[Any, Any, AsyncSession | Session]])
assert_type(alchemy.provide_async_session(), Callable[..., Coroutine[Any, Any, AsyncSession]])
assert_type(alchemy.provide_sync_session("sync"), Callable[..., Coroutine[Any, Any, Session]])


def sessions_of_a_request(request: Request, socket: WebSocket) -> None:
    assert_type(alchemy.get_session(request), AsyncSession | Session)
    assert_type(alchemy.get_async_session(request), AsyncSession)
    assert_type(alchemy.get_sync_session(request, "sync"), Session)
    assert_type(alchemy.get_async_session(socket), AsyncSession)


async def blocks() -> None:
    async with alchemy.session() as session:
        assert_type(session, AsyncSession)
    async with alchemy.transaction("default") as session:
        assert_type(session, AsyncSession)
    async with alchemy.with_async_session() as session:
        assert_type(session, AsyncSession)
    with alchemy.session("sync") as sync_session:
        assert_type(sync_session, Session)
    with alchemy.transaction("sync") as sync_session:
        assert_type(sync_session, Session)
    with alchemy.with_sync_session("sync") as sync_session:
        assert_type(sync_session, Session)


provide_authors = alchemy.provide_service(AuthorService)
assert_type(provide_authors, ServiceProvider[AuthorService])
assert_type(
    alchemy.provide_service(SyncAuthorService, "sync"),
    ServiceProvider[SyncAuthorService],
)
assert_type(alchemy.provide_service(ReadService), ServiceProvider[ReadService])
assert_type(
    alchemy.provide_service(
        AuthorService,
        key="default",
        statement=select(Author),
        error_messages={"not_found": "No such author."},
        load=[Author.name],
        execution_options={"populate_existing": True},
        uniquify=True,
        count_with_window_function=False,
    ),
    ServiceProvider[AuthorService],
)
assert_type(
    providers.provide_service(AuthorService, extension=alchemy, key="default"),
    ServiceProvider[AuthorService],
)
alchemy.provide_service(Author)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]

provide_filters = alchemy.provide_filters({"pagination_type": "limit_offset"})
assert_type(provide_filters, Callable[..., Coroutine[Any, Any, list[filters.FilterTypes]]])


@app.get("/authors")
async def list_authors(
    authors: Annotated[AuthorService, Depends(provide_authors)],
    asked: Annotated[list[filters.FilterTypes], Depends(provide_filters)],
) -> service.OffsetPagination[Author]:
    found, total = await authors.get_many_and_count(*asked)
    assert_type(total, int)
    return authors.to_schema(found, total, filters=asked)
