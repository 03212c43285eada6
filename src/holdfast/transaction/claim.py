"""The key that a request has claimed: held, and its answer stored, with what it stands for."""

import logging
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.orm import Session

from holdfast.problems import ProblemResponse
from holdfast.transaction.failure import is_locked
from holdfast.transaction.idempotency import KEY_IN_PROGRESS, Answer, KeyTable
from holdfast.transaction.unit import AnyUnit

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

__all__ = ("Claim",)

logger = logging.getLogger("holdfast.transaction")

_KEPT = range(200, 400)


class Claim:
    """A key that a request has claimed, for as long as it is under way.

    Args:
        keys: The table.
        key: The key's id.
        fingerprint: That of the request.
        unit: The session in whose transaction it was claimed.
        divert: Ends the request with another answer.
    """

    def __init__(
        self,
        keys: KeyTable,
        key: str,
        fingerprint: str,
        unit: AnyUnit,
        divert: "Callable[[Response], NoReturn]",
    ) -> None:
        self.keys = keys
        self.unit = unit
        self._key = key
        self._fingerprint = fingerprint
        self._divert = divert
        self._commits = unit.commits
        self._transaction = unit.sync_session.get_transaction()

    @property
    def is_durable(self) -> bool:
        """Whether it has been committed."""
        return self.unit.commits > self._commits

    def hold(self, session: Session) -> None:
        """Claim the key once more where the handler has rolled back, and the claim with the rest.

        Args:
            session: A session that is about to commit.

        Raises:
            Diverted: Meanwhile another request has taken the key.
        """
        if session is not self.unit.sync_session or not self._is_lost:
            return
        writes = self.unit.writes
        try:
            taken = self.keys.claim(session, self._key, self._fingerprint) is not None
        except NoResultFound:
            taken = True
        except DBAPIError as error:
            if not is_locked(error):
                raise
            taken = True
        if taken:
            self._divert(ProblemResponse(KEY_IN_PROGRESS))
        self.unit.writes = writes
        self._transaction = session.get_transaction()

    @property
    def _is_lost(self) -> bool:
        transaction = self.unit.sync_session.get_transaction()
        return not self.is_durable and transaction is not self._transaction

    async def keep_within(self, answer: Answer | None, committing: list[AnyUnit]) -> None:
        """Store the answer in the transaction under way, if that is all there is to commit.

        Args:
            answer: The answer, where it can be kept.
            committing: The sessions that are about to commit.
        """
        if self.unit not in committing:
            return
        if self._is_lost:
            await self.unit.run(self.hold)
        if committing == [self.unit]:
            await self._keep(answer)

    async def keep_apart(self, answer: Answer | None, committed: list[AnyUnit]) -> None:
        """Store the answer in a transaction of its own, where it could not be stored before.

        That is so in manual mode, and where several databases were written: an answer must not
        stand for what another of them may still refuse. What it acknowledges is committed, whether
        it is stored or not.

        Args:
            answer: The answer, where it can be kept.
            committed: The sessions that have just committed.
        """
        if not self.is_durable or committed == [self.unit]:
            return
        unit = self.unit
        if unit not in committed and (unit.writes or unit.errors or unit.unflushed()):
            # What the handler wrote after its own commit is not to be committed with the answer.
            await unit.rollback()
        unit.sync_session.expire_on_commit = False
        try:
            await self._keep(answer)
            await unit.commit_session()
        except Exception:
            logger.warning("An answer could not be kept; what it says is committed", exc_info=True)
            await unit.rollback()

    async def _keep(self, answer: Answer | None) -> None:
        if answer is not None and answer.status in _KEPT:
            await self.unit.run(lambda session: self.keys.keep(session, self._key, answer))
