"""Short read-only transactions: what a request's session gets once its response has started."""

from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.orm import ORMExecuteState

from holdfast.transaction.statements import MYSQL

__all__ = ("begin_read_only",)


def begin_read_only(state: ORMExecuteState) -> Callable[[], None]:
    """Begin a transaction in which the database itself refuses writes.

    Args:
        state: The execution whose session has no connection yet.

    Returns:
        What undoes the setting, where it would outlive the transaction; to be called before it
        ends.
    """
    session, arguments = state.session, state.bind_arguments
    bind = session.get_bind(**arguments)
    if isinstance(bind, Connection):
        return _nothing
    options = {"postgresql_readonly": True} if bind.dialect.name == "postgresql" else None
    connection = session.connection(bind_arguments=arguments, execution_options=options)
    if bind.dialect.name in MYSQL:
        # Before the first statement, which is what begins the transaction there.
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    if bind.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        return lambda: _close_pragma(connection)
    return _nothing


def _close_pragma(connection: Connection) -> None:
    if not connection.invalidated:
        connection.exec_driver_sql("PRAGMA query_only = OFF")


def _nothing() -> None:
    """Undo nothing: the setting ends with the transaction."""
