"""What type checkers make of the configurations. Checked, never run."""

from collections.abc import Callable
from typing import Literal, assert_type

from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from holdfast import (
    AlembicAsyncConfig,
    AlembicSyncConfig,
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemySyncConfig,
    SQLitePragmas,
    SyncSessionConfig,
)

async_config = SQLAlchemyAsyncConfig(
    connection_string="sqlite+aiosqlite://",
    session_config=AsyncSessionConfig(expire_on_commit=False),
    engine_config=EngineConfig(echo=True),
    alembic_config=AlembicAsyncConfig(script_location="migrations"),
    create_all=True,
    commit_mode="autocommit",
    on_uncommitted="warn",
    bind_key="default",
    sqlite_pragmas=SQLitePragmas(journal_mode="WAL", busy_timeout=1.5),
)
sync_config = SQLAlchemySyncConfig(
    connection_string="sqlite://",
    session_config=SyncSessionConfig(expire_on_commit=False),
    engine_config=EngineConfig(pool_size=5),
    alembic_config=AlembicSyncConfig(script_location="migrations"),
    commit_mode="autocommit_include_redirect",
    sqlite_pragmas=SQLitePragmas(foreign_keys=False, synchronous="NORMAL"),
)
SQLAlchemyAsyncConfig(engine_instance=create_async_engine("sqlite+aiosqlite://"))
SQLAlchemySyncConfig(engine_instance=create_engine("sqlite://"))

assert_type(
    async_config.commit_mode, Literal["manual", "autocommit", "autocommit_include_redirect"]
)
assert_type(sync_config.on_uncommitted, Literal["error", "warn", "ignore"])
assert_type(async_config.bind_key, str | None)
assert_type(async_config.engine_config, EngineConfig)
assert_type(sync_config.sqlite_pragmas, SQLitePragmas | None)

assert_type(async_config.get_engine(), AsyncEngine)
assert_type(sync_config.get_engine(), Engine)
assert_type(async_config.create_session_maker(), Callable[[], AsyncSession])
assert_type(sync_config.create_session_maker(), Callable[[], Session])

SQLAlchemyAsyncConfig(
    commit_mode="always",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
SQLitePragmas(
    journal_mode="wal",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)


async def by_hand(session: AsyncSession, sync_session: Session, request: Request) -> None:
    assert_type(async_config.init_app(FastAPI()), None)
    await async_config.create_all_metadata()
    await sync_config.create_all_metadata()
    await async_config.session_handler(session, request, Response())
    await sync_config.session_handler(sync_session, request, Response())
    await async_config.on_startup()
    await sync_config.on_shutdown()
    async with async_config.get_session() as opened:
        assert_type(opened, AsyncSession)
    with sync_config.get_session() as sync_opened:
        assert_type(sync_opened, Session)
