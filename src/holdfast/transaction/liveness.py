"""Whether a connection and its transaction are still there, where SQLAlchemy does not tell."""

from sqlalchemy import Connection, select, text
from sqlalchemy.engine import ExceptionContext

from holdfast.transaction.statements import MYSQL

__all__ = ("in_transaction", "is_lost")

# A node of Galera that is not part of its cluster answers so to everything (1047); a server that
# was sent too much hangs up after it has said so (1153).
_LAST_WORDS = frozenset({1047, 1153})
_CLIENT_ERRORS = range(2000, 3000)


def is_lost(context: ExceptionContext) -> bool:
    """Tell whether the connection that met an error is of no more use.

    On MySQL and MariaDB an error without a number of the server's is the driver's own: of a
    connection that it has closed, or of a reply that it cannot read. Whatever was asked may have
    been done, and the next reply would be taken for another's.
    """
    dialect = context.dialect
    if dialect.name not in MYSQL:
        return False
    original, driver = context.original_exception, dialect.loaded_dbapi
    number = original.args[0] if original.args else None
    if number in _LAST_WORDS:
        return True
    from_server = isinstance(number, int) and number and number not in _CLIENT_ERRORS
    kinds = (driver.OperationalError, driver.InterfaceError, driver.InternalError)
    return isinstance(original, kinds) and not from_server


def in_transaction(connection: Connection) -> bool:
    """Tell whether the server still has what was written on a connection.

    Raises:
        SQLAlchemyError: The transaction is aborted, or the connection lost.
    """
    if getattr(connection.dialect, "is_mariadb", False):
        # Some errors undo the statement or the whole transaction, as the server is set up.
        return bool(connection.scalar(text("SELECT @@in_transaction")))
    connection.execute(select(1))
    return True
