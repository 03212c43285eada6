"""Dependencies that hand out a request's sessions, and engines."""

from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from holdfast.transaction.request import request_transaction
from holdfast.wiring.config import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.wiring.openapi import mark

__all__ = ("AnyConfig", "SessionProvider", "engine_provider", "session_of", "session_provider")

AnyConfig = SQLAlchemyAsyncConfig | SQLAlchemySyncConfig

SessionProvider = Callable[..., Coroutine[Any, Any, Any]]


def session_of(connection: HTTPConnection, owner: object, config: AnyConfig) -> Any:
    """Return the session of a request or WebSocket for one database.

    Raises:
        OutsideBoundaryError: The request has ended, or never passed the boundary.
    """
    return request_transaction(connection.scope, owner).session(config)


def session_provider(owner: object, config: AnyConfig) -> SessionProvider:
    """Return a dependency that gives the request's session.

    It is a coroutine function, because FastAPI sends plain functions to the thread pool. Its
    parameter is the kind of connection that both requests and WebSockets are.
    """
    kind: type[AsyncSession | Session]
    kind = AsyncSession if isinstance(config, SQLAlchemyAsyncConfig) else Session

    async def provide_session(connection: HTTPConnection) -> Any:
        return request_transaction(connection.scope, owner).session(config, handled_here=True)

    provide_session.__annotations__["return"] = kind
    mark(provide_session)
    return provide_session


def engine_provider(config: AnyConfig) -> Callable[[], Coroutine[Any, Any, Any]]:
    """Return a dependency that gives a database's engine."""
    kind: type[AsyncEngine | Engine]
    kind = AsyncEngine if isinstance(config, SQLAlchemyAsyncConfig) else Engine

    async def provide_engine() -> Any:
        return config.get_engine()

    provide_engine.__annotations__["return"] = kind
    return provide_engine
