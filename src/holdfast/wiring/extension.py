"""The extension: what an application asks for sessions, services, filters and engines."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Hashable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

from advanced_alchemy.filters import FilterTypes
from advanced_alchemy.service import Empty, EmptyType, ErrorMessages, LoadSpec
from sqlalchemy import Engine, Select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from holdfast.errors import ConfigurationError
from holdfast.transaction.block import SessionBlock, TransactionBlock
from holdfast.transaction.retry import Retry
from holdfast.wiring.attachment import Attachment
from holdfast.wiring.config import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.wiring.filters import (
    DEPENDENCY_DEFAULTS,
    DependencyDefaults,
    FilterConfig,
    provide_filters,
)
from holdfast.wiring.route_options import options_provider
from holdfast.wiring.services import ServiceProvider, ServiceT, service_provider
from holdfast.wiring.sessions import AnyConfig, engine_provider, session_of, session_provider

__all__ = ("AdvancedAlchemy",)

T = TypeVar("T")

Provides = Callable[..., Coroutine[Any, Any, T]]


class AdvancedAlchemy(Attachment):
    """Joins SQLAlchemy databases to a FastAPI or Starlette application.

    Takes the place of Advanced Alchemy's class of the same name. Every success that leaves the
    application is committed first; see ``docs/transactions.md``.

    Args:
        config: One database, or several with a bind key each.
        app: The application to attach to; ``init_app`` does it later.
        commit_timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
        pool_timeout: Seconds that anybody waits for a connection, where the engine's own options
            do not say.
        statement_timeout: Seconds that one statement may run, by default without a bound.
        retry: How often a request with a safe method runs again after a concurrent change; None
            for never. It is also the policy of the routes that ask for the default.

    Raises:
        ConfigurationError: The configuration cannot work.
    """

    def get_config(self, key: str | None = None) -> AnyConfig:
        """Return a database's configuration.

        Args:
            key: Its bind key. Without one, the only database, or the one named ``default``.

        Raises:
            ConfigurationError: There is no such database.
        """
        if key in {None, "default"} and len(self._config) == 1:
            return self._config[0]
        config = self._mapped_configs.get(key or "default")
        if config is None:
            known = ", ".join(map(repr, self._mapped_configs))
            raise ConfigurationError(
                f"There is no database with the bind key {key or 'default'!r}. "
                f"Ask for one of {known}, or add a config with that bind key."
            )
        return config

    def get_async_config(self, key: str | None = None) -> SQLAlchemyAsyncConfig:
        """Return an async database's configuration; see ``get_config``."""
        config = self.get_config(key)
        if not isinstance(config, SQLAlchemyAsyncConfig):
            raise ConfigurationError(
                f"Bind {config.bind_key!r} is sync. Use the sync methods, or an async config."
            )
        return config

    def get_sync_config(self, key: str | None = None) -> SQLAlchemySyncConfig:
        """Return a sync database's configuration; see ``get_config``."""
        config = self.get_config(key)
        if not isinstance(config, SQLAlchemySyncConfig):
            raise ConfigurationError(
                f"Bind {config.bind_key!r} is async. Use the async methods, or a sync config."
            )
        return config

    def session(self, key: str | None = None) -> SessionBlock:
        """Open a session outside requests: ``async with`` or ``with``, as the driver is.

        It is closed at the end of the block, and what was not committed is undone.
        """
        return SessionBlock(self.get_config(key), self.commit_timeout, self.statement_timeout)

    def transaction(self, key: str | None = None) -> TransactionBlock:
        """Open a transaction outside requests: ``async with`` or ``with``, as the driver is.

        It commits at the end of the block, and raises when it cannot. A block inside another is a
        savepoint.
        """
        return TransactionBlock(self.get_config(key), self.commit_timeout, self.statement_timeout)

    @asynccontextmanager
    async def with_async_session(
        self, key: str | None = None
    ) -> AsyncGenerator[AsyncSession, None]:
        """Open an async session outside requests; upstream's name of ``session``."""
        async with SessionBlock(self.get_async_config(key), self.commit_timeout) as session:
            yield session

    @contextmanager
    def with_sync_session(self, key: str | None = None) -> Generator[Session, None, None]:
        """Open a sync session outside requests; upstream's name of ``session``."""
        with SessionBlock(self.get_sync_config(key), self.commit_timeout) as session:
            yield session

    def get_session(
        self, request: HTTPConnection, key: str | None = None
    ) -> AsyncSession | Session:
        """Return the session of a request, or of a WebSocket.

        Args:
            request: Any request that passed this extension's boundary.
            key: Bind key of the database.

        Raises:
            OutsideBoundaryError: The request has ended, or never passed the boundary.
        """
        return cast("AsyncSession | Session", session_of(request, self, self.get_config(key)))

    def get_async_session(self, request: HTTPConnection, key: str | None = None) -> AsyncSession:
        """Return the async session of a request; see ``get_session``."""
        return cast("AsyncSession", session_of(request, self, self.get_async_config(key)))

    def get_sync_session(self, request: HTTPConnection, key: str | None = None) -> Session:
        """Return the sync session of a request; see ``get_session``."""
        return cast("Session", session_of(request, self, self.get_sync_config(key)))

    def provide_session(self, key: str | None = None) -> Provides[AsyncSession | Session]:
        """Return the dependency that gives the request's session.

        It is the same function for the same database, so ``dependency_overrides`` take.
        """
        return self._session_provider(self.get_config(key))

    def provide_async_session(self, key: str | None = None) -> Provides[AsyncSession]:
        """Return the dependency that gives the request's async session."""
        return self._session_provider(self.get_async_config(key))

    def provide_sync_session(self, key: str | None = None) -> Provides[Session]:
        """Return the dependency that gives the request's sync session."""
        return self._session_provider(self.get_sync_config(key))

    def provide_service(  # noqa: PLR0913, PLR0917 - upstream's signature
        self,
        service_class: type[ServiceT],
        /,
        key: str | None = None,
        statement: Select[Any] | None = None,
        error_messages: ErrorMessages | EmptyType | None = Empty,
        load: LoadSpec | None = None,
        execution_options: dict[str, Any] | None = None,
        uniquify: bool | None = None,
        count_with_window_function: bool | None = None,
    ) -> ServiceProvider[ServiceT]:
        """Return the dependency that gives a service on the request's session.

        For equal, hashable options it is the same function, so ``dependency_overrides`` take.

        Args:
            service_class: A service class of Advanced Alchemy, async or sync as its database.
            key: Bind key of the database.
            statement: The statement that the service's queries start from.
            error_messages: Messages for the service's errors.
            load: Loader options.
            execution_options: Options for the service's statements.
            uniquify: Whether results are made unique before they are returned.
            count_with_window_function: Whether a list counts in the same statement.

        Raises:
            ConfigurationError: The class is no service, or does not fit its database.
        """
        config = self.get_config(key)
        given: dict[str, Any] = {
            "statement": statement,
            "load": load,
            "execution_options": execution_options,
            "uniquify": uniquify,
            "count_with_window_function": count_with_window_function,
        }
        options = {name: value for name, value in given.items() if value is not None}
        if error_messages is not Empty:
            options["error_messages"] = error_messages
        return self._once(
            ("service", service_class, config.bind_key, *options.items()),
            lambda: service_provider(
                service_class,
                owner=self,
                config=config,
                provide_session=self._session_provider(config),
                options=options,
            ),
        )

    @staticmethod
    def provide_filters(
        config: FilterConfig, /, dep_defaults: DependencyDefaults | None = None
    ) -> Provides[list[FilterTypes]]:
        """Return the dependency that reads filters, order and page from the query string.

        Args:
            config: The filters to offer.
            dep_defaults: The page size where the config has none.

        Raises:
            ConfigurationError: The config has an unknown key or a value that does not fit.
        """
        return provide_filters(config, dep_defaults or DEPENDENCY_DEFAULTS)

    def options(
        self,
        *,
        retry: Retry | bool | None = None,
        commit_timeout: float | None = None,
        statement_timeout: float | None = None,
    ) -> Provides[None]:
        """Return the dependency that sets the options of a route, a router or an application.

            @app.post("/transfers", dependencies=[Depends(alchemy.options(retry=True))])

        The innermost wins. What is not given stays as the extension says.

        Args:
            retry: True lets the route run again by the extension's policy after a concurrent
                change, whatever its method; False never; or a policy of its own. What the handler
                does beside the database it then does more than once.
            commit_timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
            statement_timeout: Seconds that one statement may run.

        Raises:
            ConfigurationError: A time leaves no time.
        """
        policy = (self.retry or Retry()) if retry is True else retry
        return self._once(
            ("options", policy, commit_timeout, statement_timeout),
            lambda: options_provider(self, policy, commit_timeout, statement_timeout),
        )

    def get_engine(self, key: str | None = None) -> AsyncEngine | Engine:
        """Return a database's engine."""
        return self.get_config(key).get_engine()

    def get_async_engine(self, key: str | None = None) -> AsyncEngine:
        """Return an async database's engine."""
        return self.get_async_config(key).get_engine()

    def get_sync_engine(self, key: str | None = None) -> Engine:
        """Return a sync database's engine."""
        return self.get_sync_config(key).get_engine()

    def provide_engine(self, key: str | None = None) -> Provides[AsyncEngine | Engine]:
        """Return the dependency that gives a database's engine."""
        return self._engine_provider(self.get_config(key))

    def provide_async_engine(self, key: str | None = None) -> Provides[AsyncEngine]:
        """Return the dependency that gives an async database's engine."""
        return self._engine_provider(self.get_async_config(key))

    def provide_sync_engine(self, key: str | None = None) -> Provides[Engine]:
        """Return the dependency that gives a sync database's engine."""
        return self._engine_provider(self.get_sync_config(key))

    def _session_provider(self, config: AnyConfig) -> Provides[Any]:
        return self._once(("session", config.bind_key), lambda: session_provider(self, config))

    def _engine_provider(self, config: AnyConfig) -> Provides[Any]:
        return self._once(("engine", config.bind_key), lambda: engine_provider(config))

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """Return what was made for an equal key before; an unhashable key equals none."""
        try:
            hash(key)
        except TypeError:
            return make()
        made: dict[Hashable, Any] = self.__dict__.setdefault("_providers", {})
        if key not in made:
            made[key] = make()
        return cast("T", made[key])
