"""Dependencies that build Advanced Alchemy services on a request's session."""

import inspect
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from advanced_alchemy.service import (
    SQLAlchemyAsyncQueryService,
    SQLAlchemyAsyncRepositoryReadService,
    SQLAlchemySyncQueryService,
    SQLAlchemySyncRepositoryReadService,
)
from fastapi import Depends
from starlette.requests import HTTPConnection

from holdfast.errors import ConfigurationError
from holdfast.transaction.request import request_transaction
from holdfast.wiring.config import SQLAlchemyAsyncConfig
from holdfast.wiring.sessions import AnyConfig, SessionProvider

if TYPE_CHECKING:
    from holdfast.wiring.extension import AdvancedAlchemy

__all__ = ("Provision", "ServiceProvider", "ServiceT", "provision_of", "service_provider")

logger = logging.getLogger("holdfast.wiring")

AsyncService = SQLAlchemyAsyncQueryService | SQLAlchemyAsyncRepositoryReadService[Any, Any]
SyncService = SQLAlchemySyncQueryService | SQLAlchemySyncRepositoryReadService[Any, Any]

ServiceT = TypeVar("ServiceT", bound=AsyncService | SyncService)

ServiceT_co = TypeVar("ServiceT_co", covariant=True)

_ASYNC_CLASSES = (SQLAlchemyAsyncQueryService, SQLAlchemyAsyncRepositoryReadService)
_SYNC_CLASSES = (SQLAlchemySyncQueryService, SQLAlchemySyncRepositoryReadService)
_PLAIN_NEW = {vars(cls)["new"].__func__ for cls in (*_ASYNC_CLASSES, *_SYNC_CLASSES)}


_PROVISION = "__holdfast_provision__"


@dataclass(frozen=True)
class Provision:
    """What a service's provider was made from.

    Attributes:
        service_class: The service.
        extension: The extension whose boundary commits its sessions.
        config: Its database.
        statement: The statement that its rows are selected by, where the provider was given one.
    """

    service_class: type[Any]
    extension: "AdvancedAlchemy"
    config: AnyConfig
    statement: Any = None

    @property
    def is_async(self) -> bool:
        """Whether the service works on an async session."""
        return isinstance(self.config, SQLAlchemyAsyncConfig)


def provision_of(provider: object) -> Provision | None:
    """Return what a provider was made from; None where `provide_service` did not make it."""
    found = getattr(provider, _PROVISION, None)
    return found if isinstance(found, Provision) else None


class ServiceProvider(Protocol[ServiceT_co]):
    """A dependency that gives a service: FastAPI awaits it, or enters and leaves it."""

    def __call__(
        self, connection: HTTPConnection, session: Any
    ) -> Coroutine[Any, Any, ServiceT_co] | AsyncGenerator[ServiceT_co]:
        """Give the service on a request's session."""
        ...


def service_provider(
    service_class: type[ServiceT],
    *,
    owner: "AdvancedAlchemy",
    config: AnyConfig,
    provide_session: SessionProvider,
    options: dict[str, Any],
) -> ServiceProvider[ServiceT]:
    """Return a dependency that gives a service on the request's session.

    The service owns nothing: the boundary commits and closes its session, whatever the
    dependency's scope. A sync service is built without a thread as well; only its queries block.
    Where a class has a ``new`` of its own, that is entered, and left at the end of the request.

    Args:
        service_class: A service class of Advanced Alchemy.
        owner: The extension whose boundary the request passed.
        config: The service's database.
        provide_session: The dependency that gives its session.
        options: Options of ``service_class.new``.

    Raises:
        ConfigurationError: The class is no service, or one for the other kind of driver.
    """
    _check_service(service_class, config)
    warned: set[str] = set()

    def check_owner(connection: HTTPConnection, session: Any) -> None:
        if not warned and not request_transaction(connection.scope, owner).owns(session):
            warned.add(service_class.__name__)
            logger.warning(
                "The session of %s was overridden, so Holdfast neither commits nor closes it",
                service_class.__name__,
            )

    make: type[Any] = service_class

    # No generator where there is nothing to release: FastAPI's stack for them costs its share.
    async def provide_service(
        connection: HTTPConnection, session: Annotated[Any, Depends(provide_session)]
    ) -> ServiceT:
        check_owner(connection, session)
        service: ServiceT = make(session=session, **options)
        return service

    async def provide_entered_service(
        connection: HTTPConnection, session: Annotated[Any, Depends(provide_session)]
    ) -> AsyncGenerator[ServiceT, None]:
        check_owner(connection, session)
        async with _entered(service_class.new(session=session, **options)) as service:
            yield service

    provider: ServiceProvider[ServiceT] = (
        provide_service if _makes_plain_instance(service_class) else provide_entered_service
    )
    setattr(provider, _PROVISION, Provision(service_class, owner, config, options.get("statement")))
    return provider


def _makes_plain_instance(service_class: Any) -> bool:
    """Tell whether ``new`` is Advanced Alchemy's: given a session, it just calls the class."""
    return getattr(service_class.new, "__func__", None) in _PLAIN_NEW


@asynccontextmanager
async def _entered(manager: Any) -> AsyncGenerator[Any, None]:
    """Enter an async or a sync context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


def _check_service(service_class: Any, config: AnyConfig) -> None:
    known = (*_ASYNC_CLASSES, *_SYNC_CLASSES)
    if not inspect.isclass(service_class) or not issubclass(service_class, known):
        raise ConfigurationError(
            f"{service_class!r} is not a service class. Pass a subclass of "
            "`service.SQLAlchemyAsyncRepositoryService` (or its sync counterpart), not an instance."
        )
    wants_async = issubclass(service_class, _ASYNC_CLASSES)
    if wants_async != isinstance(config, SQLAlchemyAsyncConfig):
        kind, other = ("async", "sync") if wants_async else ("sync", "async")
        remedy = f"Use `SQLAlchemy{kind.title()}Config`, or name another bind with `key=`."
        raise ConfigurationError(
            f"{service_class.__name__} is a service for {kind} sessions, "
            f"but bind {config.bind_key!r} is {other}. {remedy}"
        )
