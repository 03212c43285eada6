"""Settings of PostgreSQL that hold for a transaction, such as what row-level security reads."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, event, func, select
from sqlalchemy.orm import Session, SessionTransaction

from holdfast.errors import ConfigurationError

__all__ = ("check_settings", "keep_settings", "setting_of")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*")


def check_settings(names: Iterable[str]) -> None:
    """Check that settings can have these names.

    Raises:
        ConfigurationError: One is no name that PostgreSQL takes.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"settings= has {name!r}, which is no name of a setting. "
                "Write letters, digits and underscores with dots between: 'app.tenant_id'."
            )


def setting_of(name: str, value: Any) -> str:
    """Return the value of a setting as PostgreSQL takes it.

    Raises:
        ConfigurationError: It is None, which would be the text of that name.
    """
    if value is None:
        raise ConfigurationError(
            f"The dependency of the setting {name} gave None. Raise a 401 or 403 where there is no "
            "value, or return '' where that is one."
        )
    return str(value)


def keep_settings(session: Session, mapper: Any, settings: Mapping[str, str]) -> None:
    """Let settings hold in the transaction of a session, and in those that it begins later.

    They end with the transaction, so that whoever gets the connection next has none of them.

    Args:
        session: The session.
        mapper: The mapper whose database it is.
        settings: The value of each.
    """
    values = [func.set_config(name, value, True) for name, value in settings.items()]

    def begin(_: Session, transaction: SessionTransaction, connection: Connection) -> None:
        if not transaction.nested and connection.dialect.name == "postgresql":
            connection.execute(select(*values))

    begun = session.in_transaction()
    event.listen(session, "after_begin", begin)
    if begun:
        session.connection(bind_arguments={"mapper": mapper}).execute(select(*values))
