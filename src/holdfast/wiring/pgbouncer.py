"""Drivers set up for a pooler that gives each transaction another server connection."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url

from holdfast.errors import ConfigurationError

__all__ = ("behind_pgbouncer",)


def _anonymous() -> str:
    return ""


# A prepared statement stays with the server connection that prepared it. Without a name it is gone
# with the next one, and asyncpg prepares it again in the message that executes it. Under unique
# names it works as well, but the order to close it finds another connection: they pile up.
_ASYNCPG: Mapping[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": _anonymous,
}
_PSYCOPG: Mapping[str, Any] = {"prepare_threshold": None}

_CONNECT_ARGS: Mapping[str, Mapping[str, Any]] = {
    "asyncpg": _ASYNCPG,
    "psycopg": _PSYCOPG,
    "psycopg_async": _PSYCOPG,
    "psycopg2": {},
}


def behind_pgbouncer(connection_string: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of an engine that works through PgBouncer in transaction mode.

    Args:
        connection_string: The URL; other databases than PostgreSQL are left alone.
        options: Those of ``create_engine`` so far; what their ``connect_args`` say stays.

    Raises:
        ConfigurationError: It is not known what the driver needs.
    """
    url = make_url(connection_string)
    if url.get_backend_name() != "postgresql":
        return options
    driver = url.get_driver_name()
    if driver not in _CONNECT_ARGS:
        raise ConfigurationError(
            f"What {driver!r} needs for `pgbouncer=True` is not known. Write "
            "`postgresql+asyncpg://` or `postgresql+psycopg://` in the connection string, or give "
            "the driver's own options as `engine_config=EngineConfig(connect_args=...)` instead."
        )
    return {
        **options,
        "connect_args": {**_CONNECT_ARGS[driver], **options.get("connect_args", {})},
    }
