"""Which SQL was executed."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from holdfast.testing.engines import HasEngine, sync_engines

__all__ = ("count_statements",)


@contextmanager
def count_statements(target: HasEngine) -> Generator[list[str]]:
    """Collect the SQL of every statement sent to the database within the block.

        with count_statements(engine) as statements:
            await client.get("/authors")
        assert len(statements) == 2

    Everything that runs on the same engines counts, from whatever session; a statement that fails
    counts too, and one with many sets of parameters counts once. BEGIN, COMMIT and ROLLBACK are
    no statements.

    Args:
        target: An engine, a session bound to one, a configuration, or an `AdvancedAlchemy`.

    Yields:
        The statements so far, in order.
    """
    statements: list[str] = []

    def collect(*sent: Any) -> None:
        if not sent[2].startswith("BEGIN"):
            statements.append(sent[2])

    engines = sync_engines(target)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", collect)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", collect)
