"""Attaching databases to an application: boundary, lifespan, and what can go wrong there."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from advanced_alchemy.base import metadata_registry
from advanced_alchemy.exceptions import NotFoundError
from advanced_alchemy.routing.context import reset_routing_context
from fastapi import FastAPI
from starlette.middleware import Middleware

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem
from holdfast.transaction.boundary import TransactionBoundary
from holdfast.transaction.overdue import outwait_endings
from holdfast.transaction.retry import Retry
from holdfast.wiring.config import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig, metadata_of
from holdfast.wiring.openapi import amend_document, declare_problems
from holdfast.wiring.operation_ids import declare_operation_ids
from holdfast.wiring.route_options import checked_seconds

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from holdfast.wiring.sessions import AnyConfig

__all__ = ("Attachment",)

_RETRY = Retry()
# What a request may take beyond its deadline to give its connections up.
_UNWINDING = 1.0

_NOT_FOUND = Problem("not-found", HTTPStatus.NOT_FOUND, "Not found", "There is no such record.")


class Attachment:
    """The part of the extension that lives in an application: start-up, requests, shutdown.

    Args:
        config: One database, or several with a bind key each.
        app: The application to attach to; ``init_app`` does it later.
        commit_timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
        pool_timeout: Seconds that anybody waits for a connection, where the engine's own options
            do not say.
        statement_timeout: Seconds that one statement may run, by default without a bound.
        retry: How often a request with a safe method runs again after a concurrent change; None
            for never. It is also the policy of the routes that ask for the default.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can be set
        self,
        config: "AnyConfig | Sequence[AnyConfig]",
        app: "Starlette | None" = None,
        *,
        commit_timeout: float = 10.0,
        pool_timeout: float = 1.0,
        statement_timeout: float | None = None,
        retry: Retry | None = _RETRY,
    ) -> None:
        self._config = config if isinstance(config, Sequence) else [config]
        self._app: Starlette | None = None
        self._started = False
        self._starting = asyncio.Lock()
        self._checks: list[Callable[[], Awaitable[None]]] = []
        self.commit_timeout = commit_timeout
        self.statement_timeout = statement_timeout
        if statement_timeout is not None:
            checked_seconds("statement_timeout", statement_timeout)
        self.retry = retry
        checked_seconds("commit_timeout", commit_timeout)
        if pool_timeout < 0:
            raise ConfigurationError(
                f"pool_timeout={pool_timeout!r} is no time to wait. Write seconds, 0 or more."
            )
        self._mapped_configs = self.map_configs()
        for each in self._config:
            each.pool_timeout = pool_timeout
        if app is not None:
            self.init_app(app)

    @property
    def config(self) -> "Sequence[AnyConfig]":
        """The databases, in the order in which they commit."""
        return self._config

    @property
    def app(self) -> "Starlette":
        """The application that was attached last.

        Raises:
            ConfigurationError: None was.
        """
        if self._app is None:
            raise ConfigurationError(
                "The extension is not attached to an application. Call `init_app(app)` first."
            )
        return self._app

    def map_configs(self) -> "dict[str, AnyConfig]":
        """Return the databases by bind key; a missing key becomes ``default``.

        Raises:
            ConfigurationError: There is none, one is of a foreign class, or two share a key.
        """
        if not self._config:
            raise ConfigurationError("There is no database. Pass `SQLAlchemyAsyncConfig(...)`.")
        mapped: dict[str, AnyConfig] = {}
        for config in self._config:
            _check_class(config)
            config.bind_key = config.bind_key or "default"
            if config.bind_key in mapped:
                raise ConfigurationError(
                    f"Two configs have the bind key {config.bind_key!r}. "
                    'Give each its own: `SQLAlchemyAsyncConfig(bind_key="reports", ...)`.'
                )
            mapped[config.bind_key] = config
            # Migrations ask for the tables of a bind key, and have seen none that was not given.
            metadata_registry.set(config.bind_key, metadata_of(config))
        return mapped

    def init_app(self, app: "Starlette") -> None:
        """Attach to an application.

        Adds the transaction boundary as its innermost middleware and starts and stops the
        databases with its lifespan. One extension may serve an application and those mounted in it.

        Raises:
            ConfigurationError: The application has started, or has an extension already.
        """
        if getattr(app.state, "advanced_alchemy", None) is not None:
            raise ConfigurationError(
                "This application has its databases already, and a second boundary would commit "
                "apart from the first. Pass all configs to one extension: "
                "`AdvancedAlchemy(config=[first, second], app=app)`."
            )
        if app.middleware_stack is not None:
            raise ConfigurationError(
                "The application has started, so its middleware can no longer change. "
                "Attach the extension where the application is made, not in its lifespan."
            )
        for config in self._config:
            config.init_app(app)
        self._app = app
        app.state.advanced_alchemy = self
        # At the end of the list, which is the inside: `add_middleware` inserts at its start.
        app.user_middleware.append(Middleware(TransactionBoundary, owner=self))
        self._wrap_lifespan(app)
        if isinstance(app, FastAPI):
            amend_document(app, declare_problems)
            amend_document(app, declare_operation_ids)

    def _wrap_lifespan(self, app: "Starlette") -> None:
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: "Starlette") -> AsyncGenerator[Any, None]:
            async with self.lifespan(app), inner(app) as state:
                yield state

        app.router.lifespan_context = lifespan

    @asynccontextmanager
    async def lifespan(self, app: "Starlette") -> AsyncGenerator[None, None]:
        """Start the databases, and stop them at the end."""
        del app
        try:
            await self._start()
            yield
        finally:
            self._started = False
            await outwait_endings(self.commit_timeout + _UNWINDING)
            await self.on_shutdown()

    async def on_startup(self) -> None:
        """Create tables where a configuration asks for it."""
        for config in self._config:
            await config.on_startup()

    async def on_shutdown(self) -> None:
        """Dispose of every engine; the extension can be started again."""
        async with AsyncExitStack() as stack:
            # One that fails must not keep the others open.
            for config in self._config:
                stack.push_async_callback(config.on_shutdown)

    async def prepare(self) -> None:
        """Make ready for a request; the boundary calls this.

        Nobody runs the lifespan of a mounted application, nor do some test transports run any: the
        first request then starts the databases.
        """
        reset_routing_context()
        if not self._started:
            await self._start()

    def problem_for(self, error: Exception) -> Problem | None:
        """Return the problem that an error of a repository is; the boundary calls this."""
        return _NOT_FOUND if isinstance(error, NotFoundError) else None

    async def _start(self) -> None:
        async with self._starting:
            if not self._started:
                await self.on_startup()
                for check in self._checks:
                    await check()
                self._started = True


def _check_class(config: object) -> None:
    if isinstance(config, SQLAlchemyAsyncConfig | SQLAlchemySyncConfig):
        return
    kind = type(config)
    raise ConfigurationError(
        f"{kind.__module__}.{kind.__qualname__} is not a config of Holdfast. Import "
        "`SQLAlchemyAsyncConfig` or `SQLAlchemySyncConfig` from `holdfast` and pass an instance."
    )
