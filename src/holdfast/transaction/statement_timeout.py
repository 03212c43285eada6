"""Bounding how long one statement may run, by what each database offers for it."""

import time
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.util import await_only

__all__ = ("begin_limit", "lift", "limit_statement")

_DEADLINE = "holdfast_deadline"
_STEPS = 10_000  # of SQLite's virtual machine: some tenths of a millisecond


def begin_limit(connection: Connection, seconds: float) -> dict[str, Any] | None:
    """Bound the statements of the transaction that begins, where that is done once.

    PostgreSQL is told so, and forgets it with the transaction; SQLite's driver is given something
    that looks at the clock.

    Returns:
        Where the deadline of a SQLite connection is kept, for ``lift``.
    """
    name = connection.dialect.name
    if name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
    if name != "sqlite":
        return None
    info: dict[str, Any] = connection.info
    if _DEADLINE not in info:
        driver: Any = connection.connection.driver_connection

        def expired() -> bool:
            deadline: float | None = info.get(_DEADLINE)
            return deadline is not None and time.monotonic() > deadline

        outcome = driver.set_progress_handler(expired, _STEPS)
        if connection.dialect.is_async:
            await_only(outcome)
    return info


def limit_statement(statement: str, context: ExecutionContext, seconds: float) -> str:
    """Bound one statement, where that is done for each.

    MariaDB takes the bound with the statement (https://mariadb.com/kb/en/set-statement/); MySQL has
    none but for SELECT, and gets none.

    Returns:
        The statement to send.
    """
    if context.dialect.name == "sqlite":
        context.root_connection.info[_DEADLINE] = time.monotonic() + seconds
    elif getattr(context.dialect, "is_mariadb", False):
        return f"SET STATEMENT max_statement_time={seconds:.3f} FOR {statement}"
    return statement


def lift(info: dict[str, Any]) -> None:
    """Lift the bound of a SQLite connection, which would outlive the transaction."""
    info[_DEADLINE] = None
