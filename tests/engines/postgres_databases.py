"""Databases of a PostgreSQL server, each used by one test after another."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

__all__ = ("Databases",)

Admin = psycopg.Connection[tuple[Any, ...]]

# Whatever is left of a test once the schema of its tables is gone; 16384 is the first identifier
# that PostgreSQL does not use itself.
REMAINS = r"""
SELECT FROM pg_namespace WHERE oid >= 16384 AND nspname NOT LIKE 'pg\_%'
UNION ALL SELECT FROM pg_extension WHERE oid >= 16384
UNION ALL SELECT FROM pg_event_trigger
UNION ALL SELECT FROM pg_largeobject_metadata
UNION ALL SELECT FROM pg_publication
UNION ALL SELECT FROM pg_default_acl
UNION ALL SELECT FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
UNION ALL SELECT FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid
  WHERE datname = current_database()
"""
NEW_SCHEMA = """
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class Databases:
    """Empty databases, new ones or emptied ones: making one takes longer than most tests do.

    Args:
        connect: Gives an autocommitting connection to a database.
    """

    def __init__(self, connect: Callable[[str], Admin]) -> None:
        self._connect = connect
        self._spare: list[str] = []

    def take(self, admin: Admin) -> str:
        """Return the name of an empty database, which nobody has had before.

        Args:
            admin: A connection to another database of the server, as for `give_back`.
        """
        name = f"test_{uuid.uuid4().hex[:12]}"
        if self._spare:
            _rename(admin, self._spare.pop(), name)
        else:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def give_back(self, admin: Admin, name: str) -> None:
        """Take a database back that nobody is connected to any more."""
        # Under a new name nobody who comes late finds it.
        spare = f"spare_{uuid.uuid4().hex[:12]}"
        _rename(admin, name, spare)
        if self._is_emptied(spare):
            self._spare.append(spare)
        else:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(spare)))

    def _is_emptied(self, database: str) -> bool:
        """Make a database as it was when it was new, and tell whether it is."""
        with self._connect(database) as owner:
            owner.execute("DROP SCHEMA IF EXISTS public CASCADE")
            if owner.execute(REMAINS.encode()).fetchone() is not None:
                return False
            owner.execute(NEW_SCHEMA)
        return True


def _rename(admin: Admin, old: str, new: str) -> None:
    names = sql.Identifier(old), sql.Identifier(new)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
