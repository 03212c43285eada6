"""How many rows a list has: counted, or as the database's planner takes it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Executable, Select, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from holdfast.errors import ConfigurationError

__all__ = ("Total", "check_totals", "estimated_total", "exact_total")

Total = Literal["exact", "estimated", "none"]
"""What a list may tell of the number of its rows."""


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain, "postgresql")
def _explain_as_json(element: _Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **kw)}"


@compiles(_Explain)
def _explain_as_rows(element: _Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return f"EXPLAIN EXTENDED {compiler.process(element.statement, **kw)}"


def check_totals(totals: Sequence[Total], dialect: str) -> None:
    """Check that an engine can give the totals that are declared.

    Args:
        totals: What a list offers.
        dialect: The name of the engine's dialect.

    Raises:
        ConfigurationError: An estimate is offered, and the engine makes none.
    """
    if "estimated" in totals and dialect not in {"postgresql", "mysql", "mariadb"}:
        raise ConfigurationError(
            f"{dialect} does not estimate how many rows a list has. "
            "Leave 'estimated' out of `totals`."
        )


def exact_total(session: Session, statement: Select[Any]) -> int:
    """Count the rows that a statement selects.

    Args:
        session: The session to read with.
        statement: ``select(Model)`` with its criteria and options, without order and limit.
    """
    counted = statement.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return session.scalars(counted).one()


def estimated_total(session: Session, statement: Select[Any]) -> int:
    """Return how many rows the planner expects a statement to select; none is read.

    It is about all rows of the table: never offer it where a scope or row-level security holds.

    Args:
        session: The session to read with.
        statement: ``select(Model)`` with its criteria, without order and limit.

    Raises:
        ConfigurationError: The engine makes no such estimate.
    """
    bind = session.get_bind(statement.column_descriptions[0]["entity"])
    check_totals(("estimated",), bind.dialect.name)
    plain = statement.with_only_columns(literal(1), maintain_column_froms=True).order_by(None)
    found = session.connection({"bind": bind}).execute(_Explain(plain))
    if bind.dialect.name == "postgresql":
        return _rows_of_plan(found.scalar_one())
    return _rows_of_tables(found.mappings().all())


def _rows_of_plan(plan: Any) -> int:
    # Some drivers decode JSON, others leave that to their caller.
    trees: Any = json.loads(plan) if isinstance(plan, str) else plan
    return int(trees[0]["Plan"]["Plan Rows"])


def _rows_of_tables(tables: Sequence[Mapping[Any, Any]]) -> int:
    """Return what joining the tables of the outermost query comes to."""
    expected = 1.0
    for table in tables:
        if table["select_type"] in {"SIMPLE", "PRIMARY"}:
            # There are none where the planner sees that no row can match.
            expected *= float(table["rows"] or 0) * float(table["filtered"] or 0) / 100
    return round(expected)
