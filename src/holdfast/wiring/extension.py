"""The extension: what an application asks for sessions, services, filters and engines."""

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

from advanced_alchemy.filters import FilterTypes
from advanced_alchemy.service import Empty, EmptyType, ErrorMessages, LoadSpec
from fastapi import APIRouter
from sqlalchemy import Engine, Select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from holdfast.transaction.idempotency import KeyTable, key_table
from holdfast.transaction.retry import Retry
from holdfast.wiring.config import CommitMode, metadata_of
from holdfast.wiring.databases import Databases
from holdfast.wiring.filters import (
    DEPENDENCY_DEFAULTS,
    DependencyDefaults,
    FilterConfig,
    provide_filters,
)
from holdfast.wiring.health import health_router
from holdfast.wiring.idempotency import IdempotencyKeys, Principal
from holdfast.wiring.route_options import RouteOptions, checked_seconds, options_provider
from holdfast.wiring.services import ServiceProvider, ServiceT, service_provider
from holdfast.wiring.sessions import AnyConfig, engine_provider, session_of, session_provider

__all__ = ("AdvancedAlchemy",)

T = TypeVar("T")

Provides = Callable[..., Coroutine[Any, Any, T]]


class AdvancedAlchemy(Databases):
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
        commit_mode: CommitMode | None = None,
        dry_run: bool = False,
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
            commit_mode: Who commits, whatever the configs say.
            dry_run: Whether ``Prefer: tx=rollback`` has a success rolled back as well.

        Raises:
            ConfigurationError: A time leaves no time, or a mode is unknown.
        """
        policy = (self.retry or Retry()) if retry is True else retry
        made = RouteOptions(policy, commit_timeout, statement_timeout, commit_mode, dry_run)
        return self._once(("options", made), lambda: options_provider(self, made))

    def idempotency(  # noqa: PLR0913 - one keyword for each thing that can be set
        self,
        *,
        principal: Principal,
        key: str | None = None,
        required: bool = False,
        lifetime: float = 86_400.0,
        wait: float = 2.0,
        max_answer: int = 262_144,
    ) -> Provides[None]:
        """Return the dependency that makes a route or a router honour ``Idempotency-Key``.

            @app.post("/orders", dependencies=[Depends(alchemy.idempotency(principal=user_id))])

        The key, a fingerprint of the request and the answer are stored in the transaction of the
        write, in the table ``holdfast_idempotency``.

        Args:
            principal: The dependency that gives the id of the caller, whose keys are his own; or
                ``PUBLIC`` where callers are not told apart.
            key: Bind key of the database that is written to.
            required: Whether a request without a key is refused.
            lifetime: Seconds after which a key is free again.
            wait: Seconds to wait for a request under way with the same key.
            max_answer: Bytes of an answer's body that are kept.

        Raises:
            ConfigurationError: The database is of a kind that is not supported, or a value does
                not fit.
        """
        config = self.get_config(key)
        table = key_table(metadata_of(config))
        keys = KeyTable(
            table,
            checked_seconds("lifetime", lifetime),
            checked_seconds("wait", wait),
            max_answer,
        )

        def make() -> IdempotencyKeys:
            made = IdempotencyKeys(self, config, keys)
            self._checks.append(made.check)
            return made

        stored = self._once(("idempotency", config.bind_key, lifetime, wait, max_answer), make)
        return self._once(
            ("key", config.bind_key, lifetime, wait, max_answer, principal, required),
            lambda: stored.dependency(principal, required=required),
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

    def health_router(self, prefix: str = "/health", *, timeout: float = 0.8) -> APIRouter:
        """Return a router with ``/live`` and ``/ready``, for whoever starts and stops instances.

        The first needs no database. The second asks each of them over a connection of its own, and
        is a 503 that names those that do not answer.

        Args:
            prefix: What the paths begin with.
            timeout: Seconds in which the databases have to answer.
        """
        return health_router(self._mapped_configs, prefix, timeout)

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
