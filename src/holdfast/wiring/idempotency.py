"""The dependency that takes a request's idempotency key."""

import time
from collections.abc import Callable, Coroutine
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Protocol
from uuid import UUID

from fastapi import Depends, Header
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemResponse
from holdfast.transaction.block import TransactionBlock
from holdfast.transaction.hooks import after_commit
from holdfast.transaction.idempotency import HEADER, TABLE_NAME, KeyTable
from holdfast.transaction.keys import MOST_CHARACTERS, key_of, take_key
from holdfast.transaction.request import RequestTransaction, request_transaction
from holdfast.wiring.config import SQLAlchemyAsyncConfig
from holdfast.wiring.openapi import mark
from holdfast.wiring.sessions import AnyConfig

__all__ = ("PUBLIC", "IdempotencyKeys", "Principal", "Public")


class Public(Enum):
    """The kind of ``PUBLIC``."""

    PUBLIC = "public"


PUBLIC: Final = Public.PUBLIC
"""In place of a principal: callers are not told apart, and whoever knows a key gets its answer."""

Principal = Callable[..., Any] | Literal[Public.PUBLIC]

_SUPPORTED = ("postgresql", "sqlite", "mysql", "mariadb")
_PURGE_EVERY = 60.0
_TWICE = (
    "Two different `alchemy.idempotency(...)` meet on this route, one of them on its router or its "
    "application. A key can belong to one principal only: leave the other one out."
)
_DESCRIPTION = (
    "A value of your own, new for each operation. Sent again with the same content, the request is "
    "not executed again: it is answered as the first time."
)


class _Owner(Protocol):
    commit_timeout: float
    statement_timeout: float | None


class IdempotencyKeys:
    """The keys of one database: taken by requests, purged once they have expired.

    Args:
        owner: The extension.
        config: The database.
        keys: Its table of keys.

    Raises:
        ConfigurationError: The database is of a kind that is not supported.
    """

    def __init__(self, owner: _Owner, config: AnyConfig, keys: KeyTable) -> None:
        dialect = config.get_engine().dialect.name
        if dialect not in _SUPPORTED:
            raise ConfigurationError(
                f"Idempotency keys are not supported on {dialect!r}. "
                f"Keep them in a database of another kind with `key=`: {', '.join(_SUPPORTED)}."
            )
        self._owner = owner
        self._config = config
        self._keys = keys
        self._purged = time.monotonic()

    def dependency(
        self, principal: Principal, *, required: bool
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        """Return the dependency for a route or router.

        Args:
            principal: The dependency that gives the caller's id, or ``PUBLIC``.
            required: Whether requests without a key are refused.
        """
        # Documented here alone: what is wrong with one is said by `key_of`, as a problem.
        header = Header(
            alias=HEADER,
            description=f"{_DESCRIPTION} Required." if required else _DESCRIPTION,
            json_schema_extra={
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "pattern": "^[!-~]([ -~]*[!-~])?$",
            },
        )

        async def take(request: HTTPConnection, caller: bytes) -> None:
            if not isinstance(request, Request):
                return  # a WebSocket of the same router
            transaction = request_transaction(request.scope, self._owner)
            if transaction.takes_key:
                raise ConfigurationError(_TWICE)
            transaction.takes_key = True
            key = key_of(request.scope, required=required)
            if isinstance(key, Problem):
                transaction.divert(ProblemResponse(key))
            if key is not None:
                await self._take(request, transaction, caller, key)

        if isinstance(principal, Public):

            async def take_public_key(request: HTTPConnection, key: Any = None) -> None:
                del key
                await take(request, b"")

            dependency: Any = take_public_key
        else:
            name = f"{principal.__module__}.{getattr(principal, '__qualname__', principal)}"

            async def take_key_of_principal(
                request: HTTPConnection, principal: Any, key: Any = None
            ) -> None:
                del key
                await take(request, f"{name}\0{_id_of(principal, name)}".encode())

            take_key_of_principal.__annotations__["principal"] = Annotated[Any, Depends(principal)]
            dependency = take_key_of_principal
        dependency.__annotations__["key"] = Annotated[str | None, header]
        mark(dependency, HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return dependency  # type: ignore[no-any-return]

    async def _take(
        self, request: Request, transaction: RequestTransaction, caller: bytes, key: str
    ) -> None:
        if transaction.original is not None and not transaction.original.complete:
            await request.body()
        # Not of `request.url`, which cannot be made of a query with bytes that are no UTF-8.
        path, query = request.scope["path"], request.scope["query_string"]
        identity = (caller, request.method.encode(), path.encode(), key.encode())
        content = (query, request.headers.get("content-type", "").encode())
        await take_key(transaction, self._config, self._keys, identity, content)
        if time.monotonic() - self._purged > _PURGE_EVERY:
            self._purged = time.monotonic()
            is_async = isinstance(self._config, SQLAlchemyAsyncConfig)
            session = transaction.session(self._config)
            after_commit(session, self.purge if is_async else self._purge_here)

    async def purge(self) -> None:
        """Delete the keys that have expired."""
        async with self._block() as session:
            await session.run_sync(self._keys.purge)

    async def check(self) -> None:
        """Make sure that the table is there, as the application starts.

        Raises:
            ConfigurationError: It is not.
        """
        engine = self._config.get_engine()
        if isinstance(engine, AsyncEngine):
            async with engine.connect() as connection:
                found = await connection.run_sync(self._has_table)
        else:
            found = await run_in_threadpool(self._is_table_in, engine)
        if not found:
            raise ConfigurationError(
                f"The table {TABLE_NAME} of idempotency keys is missing on bind "
                f"{self._config.bind_key!r}. Create it with a migration (`alchemy make-migrations` "
                "finds it), or set `create_all=True`."
            )

    def _has_table(self, connection: Connection) -> bool:
        return inspect(connection).has_table(TABLE_NAME, schema=self._keys.table.schema)

    def _is_table_in(self, engine: Engine) -> bool:
        with engine.connect() as connection:
            return self._has_table(connection)

    def _purge_here(self) -> None:
        with self._block() as session:
            self._keys.purge(session)

    def _block(self) -> TransactionBlock:
        owner = self._owner
        return TransactionBlock(self._config, owner.commit_timeout, owner.statement_timeout)


def _id_of(principal: Any, name: str) -> str:
    """Return a caller's id as text, the same in every process and for no two callers."""
    if isinstance(principal, str | UUID) or type(principal) is int:
        return f"{type(principal).__name__}:{principal}"
    raise ConfigurationError(
        f"{name} gave {type(principal).__name__!r} as the principal of idempotency keys. Return "
        "the caller's id as a str, int or UUID, and raise a 401 where there is no caller."
    )
