"""Foreign keys that are checked at COMMIT, where the database can defer them.

MariaDB cannot: there their tables are created with keys that are checked at once.
"""

from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.ext.compiler import compiles

__all__ = ("deferred_key",)


def deferred_key(column: str) -> ForeignKey:
    """Return a foreign key to a column that is checked as late as can be."""
    return ForeignKey(column, deferrable=True, initially="DEFERRED")


@compiles(ForeignKeyConstraint, "mysql", "mariadb")
def _without_deferring(constraint: ForeignKeyConstraint, compiler: Any, **options: Any) -> str:
    text: str = compiler.visit_foreign_key_constraint(constraint, **options)
    return text.removesuffix(" DEFERRABLE INITIALLY DEFERRED")
