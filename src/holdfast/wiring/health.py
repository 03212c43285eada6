"""Whether the application lives, and whether its databases answer."""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool
from starlette.responses import JSONResponse, Response

from holdfast.problems import Problem, ProblemResponse
from holdfast.transaction.overdue import break_off
from holdfast.transaction.shield import abandon, in_thread
from holdfast.wiring.sessions import AnyConfig

__all__ = ("health_router",)

logger = logging.getLogger("holdfast.health")

READY = "ready"
POOL_EXHAUSTED = "pool-exhausted"
DATABASE_FULL = "database-full"
UNAVAILABLE = "database-unavailable"
SILENT = "no-answer"

# States in which a database serves all the same: every connection is at work.
_SERVING = frozenset({READY, POOL_EXHAUSTED, DATABASE_FULL})

# "Too many connections", of PostgreSQL and of MariaDB and MySQL. libpq gives no code to an error of
# connecting, only the server's words.
_TOO_MANY = frozenset({"53300", 1040})
_TOO_MANY_WORDS = ("too many connections", "too many clients", "connection slots")

_NO_STORE = {"cache-control": "no-store"}


def health_router(configs: Mapping[str, AnyConfig], prefix: str, seconds: float) -> APIRouter:
    """Return a router with the two questions that an orchestrator asks.

    Args:
        configs: The databases by bind key.
        prefix: What the paths begin with.
        seconds: How long the databases have to answer.
    """
    router = APIRouter(prefix=prefix, include_in_schema=False)
    probes = {key: _Probe(key, config) for key, config in configs.items()}

    async def live() -> Response:
        return JSONResponse({"status": "live"}, headers=_NO_STORE)

    async def ready() -> Response:
        states = await asyncio.gather(*(probe.state(seconds) for probe in probes.values()))
        binds = dict(zip(probes, states, strict=True))
        if _SERVING.issuperset(states):
            return JSONResponse({"status": READY, "binds": binds}, headers=_NO_STORE)
        return ProblemResponse(_not_ready(binds))

    for path, endpoint in (("/live", live), ("/ready", ready)):
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None)
    return router


def _not_ready(binds: dict[str, str]) -> Problem:
    return Problem(
        "not-ready",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Not ready",
        "A database cannot serve; `binds` says which, and why.",
        retry_after=1,
        extensions={"binds": binds},
    )


class _Probe:
    """Asks one database, over one connection, however many want to know.

    The connection is none of the pool's: a question that waited behind the requests would fail
    under load, and the instance would be taken away from those that it serves.
    """

    def __init__(self, key: str, config: AnyConfig) -> None:
        self._key = key
        self._config = config
        self._question: _Question | None = None

    async def state(self, seconds: float) -> str:
        """Return how the database is, after so many seconds at the latest."""
        if self._question is None:
            self._question = _Question(self._config.get_engine())
            self._question.task.add_done_callback(self._answered)
        question = self._question
        await asyncio.wait({question.task}, timeout=seconds)
        if not question.task.done():
            if question.give_up():
                logger.warning("Bind %r did not answer within %g s", self._key, seconds)
            return SILENT
        return SILENT if question.task.cancelled() else self._judge(question.task.exception())

    def _answered(self, task: asyncio.Task[None]) -> None:
        # Let go as a whole: the traceback of a driver that was cut short may hold its socket.
        self._question = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.warning("Bind %r cannot be reached", self._key, exc_info=error)

    def _judge(self, error: BaseException | None) -> str:
        pool = self._config.get_engine().pool
        if error is None:
            return POOL_EXHAUSTED if _is_exhausted(pool) else READY
        return DATABASE_FULL if _too_many(error) and _holds_some(pool) else UNAVAILABLE


class _Question:
    """``SELECT 1``, on its way."""

    def __init__(self, engine: AsyncEngine | Engine) -> None:
        self._driver_connection: Any = None
        self._in_thread = isinstance(engine, Engine)
        self._given_up = False
        self.task: asyncio.Task[None]
        if isinstance(engine, AsyncEngine):
            spare = AsyncEngine(_beside(engine.sync_engine))
            self.task = asyncio.create_task(self._ask(spare))
        else:
            sync_spare = _beside(engine)
            self.task = asyncio.create_task(in_thread(lambda: self._ask_here(sync_spare)))

    def give_up(self) -> bool:
        """Let the connection go, and tell whether that is news.

        A thread ends when it notices, and until then nobody asks again.
        """
        news, self._given_up = not self._given_up, True
        if news and not self._in_thread:
            abandon(self.task)
        elif news:
            break_off(self._driver_connection)
        return news

    @staticmethod
    async def _ask(engine: AsyncEngine) -> None:
        try:
            async with engine.connect() as connection:
                await connection.execute(select(1))
        finally:
            await engine.dispose()

    def _ask_here(self, engine: Engine) -> None:
        try:
            with engine.connect() as connection:
                self._driver_connection = connection.connection.driver_connection
                connection.execute(select(1))
        finally:
            engine.dispose()


def _beside(engine: Engine) -> Engine:
    """Return an engine with the same settings and an empty pool."""
    return Engine(engine.pool.recreate(), engine.dialect, engine.url)


def _is_exhausted(pool: Any) -> bool:
    if not isinstance(pool, QueuePool):
        return False
    limit = pool._max_overflow  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - has no other name
    return limit >= 0 and pool.checkedout() >= pool.size() + limit


def _holds_some(pool: Any) -> bool:
    return isinstance(pool, QueuePool) and pool.checkedin() + pool.checkedout() > 0


def _too_many(error: BaseException) -> bool:
    # SQLAlchemy 2.0 passes on what asyncpg raises as it connects.
    original = error.orig if isinstance(error, DBAPIError) else error
    codes = {getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1]}
    words = str(original)
    return not _TOO_MANY.isdisjoint(codes) or any(part in words for part in _TOO_MANY_WORDS)
