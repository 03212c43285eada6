"""One database each: what upstream's configurations hold, and how requests end on it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from advanced_alchemy.base import metadata_registry
from advanced_alchemy.config import SQLAlchemyAsyncConfig as _AsyncConfig
from advanced_alchemy.config import SQLAlchemySyncConfig as _SyncConfig
from advanced_alchemy.routing.maker import dispose_session_maker_async, dispose_session_maker_sync
from sqlalchemy import Engine, MetaData
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from holdfast.transaction.left_over import commits
from holdfast.wiring.engine import EngineConfig
from holdfast.wiring.mistakes import check_choice, wrong_driver
from holdfast.wiring.pgbouncer import behind_pgbouncer
from holdfast.wiring.pool import bounded_connect, bounded_pool
from holdfast.wiring.sqlite import SQLitePragmas
from holdfast.wiring.tables import create_missing_tables, outlasting_races

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = (
    "CommitMode",
    "EngineConfig",
    "OnUncommitted",
    "SQLAlchemyAsyncConfig",
    "SQLAlchemySyncConfig",
    "metadata_of",
)

CommitMode = Literal["manual", "autocommit", "autocommit_include_redirect"]
"""Who commits: the handler, the boundary on a 2xx, or the boundary on a 2xx or 3xx."""

OnUncommitted = Literal["error", "warn", "ignore"]
"""What a 2xx over changes that nobody committed becomes in manual mode."""


@dataclass(eq=False)
class SQLAlchemyAsyncConfig(_AsyncConfig):
    """A database reached through an async driver.

    Takes every option of ``advanced_alchemy.config.SQLAlchemyAsyncConfig``, and:

    Attributes:
        app: The application it was last attached to.
        commit_mode: Who commits, by the status of the answer.
        engine_key: Accepted as upstream's; engines are found by ``bind_key``.
        session_key: Accepted as upstream's; sessions are found by ``bind_key``.
        session_maker_key: Accepted as upstream's.
        on_uncommitted: What a 2xx becomes in manual mode when changes were left uncommitted.
        sqlite_pragmas: Pragmas for every connection, where the database is SQLite.
        pgbouncer: Whether PgBouncer in transaction mode, or a pooler like it, is in between.
        pool_timeout: Seconds that a request waits for a connection, where the engine's options do
            not say; the extension sets it.
    """

    app: "Starlette | None" = None
    commit_mode: CommitMode = "manual"
    engine_key: str = "db_engine"
    session_key: str = "db_session"
    session_maker_key: str = "session_maker_class"
    engine_config: EngineConfig = field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default_factory=EngineConfig
    )
    on_uncommitted: OnUncommitted = "error"
    sqlite_pragmas: SQLitePragmas | None = None
    pgbouncer: bool = False
    pool_timeout: float = field(default=1.0, init=False, repr=False)

    def __post_init__(self) -> None:
        _check_choices(self)
        super().__post_init__()
        _decide_listeners(self)
        if self.engine_instance is not None and self.sqlite_pragmas is not None:
            self.sqlite_pragmas.install(self.engine_instance.sync_engine)

    def init_app(self, app: "Starlette") -> None:
        """Make ready to serve an application; the extension calls this."""
        self.app = app
        self.bind_key = self.bind_key or "default"
        self.create_session_maker()

    @property
    def engine_config_dict(self) -> dict[str, Any]:
        """The options that the engine is made with."""
        return _engine_options(self, super().engine_config_dict)

    def get_engine(self) -> AsyncEngine:
        """Return the engine, creating it on first use.

        Raises:
            ConfigurationError: The driver is a sync one.
        """
        if self.engine_instance is None:
            try:
                engine = super().get_engine()
            except InvalidRequestError as error:
                raise wrong_driver(
                    self.connection_string, "async", "sqlite+aiosqlite", "postgresql+asyncpg"
                ) from error
            if self.sqlite_pragmas is not None:
                self.sqlite_pragmas.install(engine.sync_engine)
        return super().get_engine()

    def create_session_maker(self) -> Callable[[], AsyncSession]:
        """Return the session maker, creating it on first use."""
        if self.session_maker is None:
            self.get_engine()
        return super().create_session_maker()

    async def create_all_metadata(self) -> None:
        """Create the tables that are missing; safe when several workers start at once.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        await outlasting_races(self._create_all)

    async def _create_all(self) -> None:
        async with self.get_engine().begin() as connection:
            await connection.run_sync(create_missing_tables, metadata_of(self))

    async def on_startup(self) -> None:
        """Create the tables, where the configuration asks for it."""
        if self.create_all:
            await self.create_all_metadata()

    async def on_shutdown(self) -> None:
        """Dispose of the engine; the next start opens its pool anew."""
        await self.close_engine()

    async def close_engine(self) -> None:
        """Close every pooled connection."""
        if self.engine_instance is not None:
            await self.engine_instance.dispose()
        await dispose_session_maker_async(self.session_maker)

    async def session_handler(
        self, session: AsyncSession, request: "Request", response: "Response"
    ) -> None:
        """End a session by an answer's status, for code that manages sessions by hand.

        Args:
            session: The session to commit or roll back, and to close.
            request: Unused; part of upstream's signature.
            response: The answer, not sent yet.

        Raises:
            Exception: COMMIT failed, and the answer must not be sent.
        """
        del request
        async with session:
            if commits(self, response.status_code):
                await session.commit()
            else:
                await session.rollback()


@dataclass(eq=False)
class SQLAlchemySyncConfig(_SyncConfig):
    """A database reached through a sync driver, whose blocking calls run in worker threads.

    Takes every option of ``advanced_alchemy.config.SQLAlchemySyncConfig``, and those that
    ``SQLAlchemyAsyncConfig`` describes.
    """

    app: "Starlette | None" = None
    commit_mode: CommitMode = "manual"
    engine_key: str = "db_engine"
    session_key: str = "db_session"
    session_maker_key: str = "session_maker_class"
    engine_config: EngineConfig = field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default_factory=EngineConfig
    )
    on_uncommitted: OnUncommitted = "error"
    sqlite_pragmas: SQLitePragmas | None = None
    pgbouncer: bool = False
    pool_timeout: float = field(default=1.0, init=False, repr=False)

    def __post_init__(self) -> None:
        _check_choices(self)
        super().__post_init__()
        _decide_listeners(self)
        if self.engine_instance is not None and self.sqlite_pragmas is not None:
            self.sqlite_pragmas.install(self.engine_instance)

    def init_app(self, app: "Starlette") -> None:
        """Make ready to serve an application; the extension calls this."""
        self.app = app
        self.bind_key = self.bind_key or "default"
        self.create_session_maker()

    @property
    def engine_config_dict(self) -> dict[str, Any]:
        """The options that the engine is made with."""
        return _engine_options(self, super().engine_config_dict)

    def get_engine(self) -> Engine:
        """Return the engine, creating it on first use.

        Raises:
            ConfigurationError: The driver is an async one.
        """
        if self.engine_instance is None:
            engine = super().get_engine()
            if engine.dialect.is_async:
                raise wrong_driver(self.connection_string, "sync", "sqlite", "postgresql+psycopg")
            if self.sqlite_pragmas is not None:
                self.sqlite_pragmas.install(engine)
        return super().get_engine()

    def create_session_maker(self) -> Callable[[], Session]:
        """Return the session maker, creating it on first use."""
        if self.session_maker is None:
            self.get_engine()
        return super().create_session_maker()

    async def create_all_metadata(self) -> None:
        """Create the tables that are missing; safe when several workers start at once.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        await outlasting_races(lambda: run_in_threadpool(self._create_all))

    def _create_all(self) -> None:
        with self.get_engine().begin() as connection:
            create_missing_tables(connection, metadata_of(self))

    async def on_startup(self) -> None:
        """Create the tables, where the configuration asks for it."""
        if self.create_all:
            await self.create_all_metadata()

    async def on_shutdown(self) -> None:
        """Dispose of the engine; the next start opens its pool anew."""
        await self.close_engine()

    async def close_engine(self) -> None:
        """Close every pooled connection."""
        if self.engine_instance is not None:
            await run_in_threadpool(self.engine_instance.dispose)
        await run_in_threadpool(dispose_session_maker_sync, self.session_maker)

    async def session_handler(
        self, session: Session, request: "Request", response: "Response"
    ) -> None:
        """End a session by an answer's status; see ``SQLAlchemyAsyncConfig.session_handler``."""
        del request
        try:
            if commits(self, response.status_code):
                await run_in_threadpool(session.commit)
            else:
                await run_in_threadpool(session.rollback)
        finally:
            await run_in_threadpool(session.close)


def _engine_options(
    config: SQLAlchemyAsyncConfig | SQLAlchemySyncConfig, options: dict[str, Any]
) -> dict[str, Any]:
    if config.pgbouncer and config.connection_string is not None:
        options = behind_pgbouncer(config.connection_string, options)
    return bounded_pool(config, bounded_connect(config, options))


def _decide_listeners(config: SQLAlchemyAsyncConfig | SQLAlchemySyncConfig) -> None:
    """Say in each session's info that upstream's listeners are on, unless it says otherwise.

    They look there first; otherwise each flush and COMMIT makes an engine to look at its options.
    """
    info = config.session_config.info
    if isinstance(info, dict):
        info.setdefault("enable_cache_listener", True)
        info.setdefault("enable_file_object_listener", True)


def metadata_of(config: SQLAlchemyAsyncConfig | SQLAlchemySyncConfig) -> MetaData:
    """Return the tables of a database: the configuration's own, or those of its bind key."""
    if config.metadata is not None:
        return config.metadata
    return metadata_registry.get(None if config.bind_key == "default" else config.bind_key)


def _check_choices(config: SQLAlchemyAsyncConfig | SQLAlchemySyncConfig) -> None:
    check_choice("commit_mode", config.commit_mode, get_args(CommitMode))
    check_choice("on_uncommitted", config.on_uncommitted, get_args(OnUncommitted))
