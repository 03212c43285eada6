"""Connections that are not waited for long: from the pool, which says so, and from the server."""

import logging
import os
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from typing_extensions import override

if TYPE_CHECKING:
    from sqlalchemy.engine.default import DefaultDialect

    from holdfast.wiring.sessions import AnyConfig

__all__ = ("bounded_connect", "bounded_pool")

logger = logging.getLogger("holdfast.pool")

# Seconds after which a wait is worth a line, whether it ended well or not.
_LONG = 0.25

# Seconds that a server has to accept a connection. By themselves asyncpg takes 60, psycopg 130.
_CONNECTING = 5
_CONNECT_TIMEOUTS = {
    "asyncpg": "timeout",
    "psycopg": "connect_timeout",
    "psycopg_async": "connect_timeout",
    "psycopg2": "connect_timeout",
}


class _Watched(QueuePool):
    """Comes before a pool's own class, and times how long a connection takes to come."""

    bind_key: str

    @override
    def connect(self) -> PoolProxiedConnection:
        start = perf_counter()
        outcome = "without success"
        try:
            connection = super().connect()
            outcome = "with success"
        finally:
            waited = perf_counter() - start
            if waited >= _LONG:
                logger.warning(
                    "Waited %.2f s for a connection of bind %r, %s; %s in use",
                    waited,
                    self.bind_key,
                    outcome,
                    self.checkedout(),
                )
        return connection


def bounded_pool(config: "AnyConfig", options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of an engine with a bounded and visible wait for a connection.

    Args:
        config: The database. Whoever brings a pool, or a callable that makes engines, decides
            alone.
        options: Those of ``create_engine`` so far; a ``pool_timeout`` among them stays.
    """
    if not _makes_engine(config) or options.get("pool") is not None:
        return options
    pool = options.get("poolclass") or _default_pool(config)
    if not issubclass(pool, QueuePool):
        # Others make nobody wait, and do not take the option.
        return options
    key = config.bind_key or "default"
    watched = type(pool.__name__, (_Watched, pool), {"bind_key": key, "__module__": __name__})
    return {"pool_timeout": config.pool_timeout, **options, "poolclass": watched}


def bounded_connect(config: "AnyConfig", options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of an engine with a bounded wait for a server that does not answer.

    Args:
        config: The database. Its URL may say how long, as may libpq's environment.
        options: Those of ``create_engine`` so far; what their ``connect_args`` say stays.
    """
    if not _makes_engine(config):
        return options
    url = make_url(cast("str", config.connection_string))
    name = _CONNECT_TIMEOUTS.get(url.get_driver_name())
    if name is None or name in url.query:
        return options
    if name == "connect_timeout" and "PGCONNECT_TIMEOUT" in os.environ:
        return options
    return {**options, "connect_args": {name: _CONNECTING, **options.get("connect_args", {})}}


def _makes_engine(config: "AnyConfig") -> bool:
    makers = {create_engine, create_async_engine}
    return config.connection_string is not None and config.create_engine_callable in makers


def _default_pool(config: "AnyConfig") -> type[Any]:
    url = make_url(cast("str", config.connection_string))
    dialect = url.get_dialect()
    if config.create_engine_callable is create_async_engine:
        dialect = dialect.get_async_dialect_cls(url)
    return cast("type[DefaultDialect]", dialect).get_pool_class(url)
