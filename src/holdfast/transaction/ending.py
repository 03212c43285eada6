"""How the transactions of several databases end together: one after another, or not at all."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from holdfast.errors import PartialCommitError
from holdfast.transaction.unit import AnyUnit

__all__ = ("commit_in_turn", "rehearse")


async def commit_in_turn(units: Sequence[AnyUnit]) -> None:
    """Commit each; none after one that failed.

    Raises:
        PartialCommitError: One failed after another had committed.
        Exception: The first failed.
    """
    committed: list[str] = []
    for unit in units:
        try:
            await unit.commit()
        except Exception as error:
            if committed:
                raise PartialCommitError(committed, unit.key) from error
            raise
        committed.append(unit.key)


async def rehearse(units: Sequence[AnyUnit]) -> None:
    """Check what COMMIT would check, of transactions that are going to be rolled back.

    Raises:
        Exception: A constraint that was deferred does not hold.
    """
    for unit in units:
        await unit.run(_check_deferred)


def _check_deferred(session: Session) -> None:
    if session.in_transaction() and session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
