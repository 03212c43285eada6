"""A request's sessions, and the one moment at which they are committed or rolled back."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from holdfast.errors import (
    CommitOutcomeUnknownError,
    OutsideBoundaryError,
    ResponseStartedError,
    TransactionTimeoutError,
    UncommittedChangesError,
)
from holdfast.problems import ProblemResponse
from holdfast.transaction.answers import Diverted
from holdfast.transaction.ending import commit_in_turn, rehearse
from holdfast.transaction.events import watch
from holdfast.transaction.failure import is_conflict
from holdfast.transaction.guard import Guard
from holdfast.transaction.idempotency import HEADER, KEY_UNSUPPORTED
from holdfast.transaction.left_over import check_left_over, commits, route_name
from holdfast.transaction.owner import Owner
from holdfast.transaction.progress import Phase, Progress, current_progress
from holdfast.transaction.retry import SAFE_METHODS
from holdfast.transaction.shield import finish
from holdfast.transaction.unit import AnyUnit, AsyncUnit, SessionSource, SyncUnit
from holdfast.transaction.violation import Statement

if TYPE_CHECKING:
    from starlette.responses import Response

    from holdfast.transaction.claim import Claim
    from holdfast.transaction.hooks import Hook
    from holdfast.transaction.idempotency import Answer
    from holdfast.transaction.original import Original

__all__ = ("SCOPE_KEY", "RequestTransaction", "request_transaction")

logger = logging.getLogger("holdfast.transaction")

_KEY = HEADER.lower().encode()

SCOPE_KEY = "holdfast.transactions"
"""Where a scope holds its transactions, by owner. Written by the boundary, read by sessions."""


class RequestTransaction:
    """Owns the sessions of one attempt at a request, one per bind.

    Args:
        scope: The request's ASGI scope.
        owner: The extension whose boundary it passes.
        original: The request as it arrived; None for a WebSocket.

    Attributes:
        progress: Where the request stands.
        original: The request as it arrived.
        timeout: Seconds that COMMIT, ROLLBACK and closing may each take.
        retry: Whether the request may be run again, and how often.
        commit_mode: Who commits; None for each database's own rule.
        rehearsal: Whether a success is rolled back as well, because its client asked for that.
        diverted: The answer that was decided on beside the application.
        takes_key: Whether the request's idempotency key, if any, was looked at.
        claim: The key that the request has claimed.
    """

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        owner: Owner,
        original: "Original | None" = None,
    ) -> None:
        self.progress = Progress(scope, owner.commit_timeout, current_progress.get())
        self.progress.statement_timeout = owner.statement_timeout
        self.progress.check_commit = self._check_commit
        self.original = original
        self.timeout = owner.commit_timeout
        self.retry = owner.retry if scope.get("method") in SAFE_METHODS else None
        self.commit_mode: str | None = None
        self.rehearsal = False
        self.diverted: Response | None = None
        self.takes_key = False
        self.claim: Claim | None = None
        self._scope = scope
        self._units: dict[str, tuple[SessionSource, AnyUnit]] = {}
        self._at_stake = False

    def session(self, source: SessionSource, *, handled_here: bool = False) -> Any:
        """Return the request's session for a database, opening it on first use.

        Args:
            source: The database's configuration.
            handled_here: Whether the current task is known to be the one that answers.

        Raises:
            OutsideBoundaryError: The request is over.
        """
        if self.progress.phase is Phase.ENDED:
            raise OutsideBoundaryError("any more: its request has ended")
        if handled_here:
            self.progress.handled_here()
        return self.unit(source).session

    def unit(self, source: SessionSource) -> AnyUnit:
        """Return the request's session for a database with what is known of it."""
        key = source.bind_key or "default"
        if key not in self._units:
            self._units[key] = (source, self._open(key, source.create_session_maker()()))
        return self._units[key][1]

    def _open(self, key: str, session: AsyncSession | Session) -> AnyUnit:
        unit: AnyUnit
        if isinstance(session, AsyncSession):
            unit = AsyncUnit(key, session)
        else:
            unit = SyncUnit(key, session)
        watch(unit.sync_session, Guard(unit, self.progress))
        return unit

    def owns(self, session: object) -> bool:
        """Tell whether a session is one of this request's."""
        return any(unit.session is session for _, unit in self._units.values())

    def statement_of(self, error: BaseException) -> Statement | None:
        """Return the statement that met an error; None for an error that met no statement here."""
        for _, unit in self._units.values():
            for reported, statement in unit.reports:
                if reported is error:
                    return statement
        return None

    def conflict(self) -> BaseException | None:
        """Return the concurrent change that undid the transaction under way, if one did."""
        errors = (error for _, unit in self._units.values() for error in unit.errors)
        return next(filter(is_conflict, errors), None)

    def divert(self, response: "Response") -> NoReturn:
        """Decide on an answer beside the application, which is unwound; everything is undone.

        Raises:
            Diverted: Always.
        """
        self.diverted = response
        raise Diverted

    def due_hooks(self) -> "list[Hook]":
        """Return what is to run because its transaction has committed, once."""
        due = [hook for _, unit in self._units.values() for hook in unit.due]
        for _, unit in self._units.values():
            unit.due.clear()
        return due

    @property
    def is_open(self) -> bool:
        """Whether the transaction can still be ended."""
        return self.progress.phase is Phase.OPEN

    def refuse_ignored_key(self) -> None:
        """Refuse to commit for a request whose idempotency key nobody looked at.

        Raises:
            Diverted: Its client relies on what it is not given.
        """
        headers = self._scope.get("headers", ())
        if self._units and not self.takes_key and any(name == _KEY for name, _ in headers):
            self.divert(ProblemResponse(KEY_UNSUPPORTED))

    def _check_commit(self, session: Session) -> None:
        self.refuse_ignored_key()
        if self.claim is not None:
            self.claim.hold(session)

    async def settle(self, status: int, answer: "Answer | None" = None) -> None:
        """End the transaction as the status demands, just before the response starts.

        Args:
            status: The status of the answer.
            answer: The answer, where it can be kept under the key that was claimed.

        Raises:
            Exception: Flush or COMMIT failed, or changes were left uncommitted; everything that
                could be is rolled back.
        """
        await self._end(lambda: self._settle(status, answer))

    async def abandon(self) -> None:
        """Roll back, whatever happens to the calling task."""
        await self._end(self._roll_back)

    async def _end(self, ending: Callable[[], Awaitable[None]]) -> None:
        if not self._units:
            self.progress.reached(Phase.SERVED)
            return
        try:
            await finish(self._run(ending), self.timeout, self._cut)
        except TimeoutError as error:
            if any(unit.committing for _, unit in self._units.values()):
                raise CommitOutcomeUnknownError from error
            if self._at_stake:
                raise TransactionTimeoutError(self.timeout) from error
            logger.warning("ROLLBACK did not end in time; the connection is discarded")
        finally:
            for _, unit in self._units.values():
                unit.given_up = unit.unflushed()
            self.progress.reached(Phase.SERVED)

    async def _run(self, ending: Callable[[], Awaitable[None]]) -> None:
        self.progress.settle_here()
        await ending()

    async def _settle(self, status: int, answer: "Answer | None") -> None:
        mode = self.commit_mode
        committing = [unit for src, unit in self._units.values() if commits(src, status, mode)]
        try:
            for source, unit in self._units.values():
                if unit not in committing:
                    check_left_over(self._scope, source, unit, status)
            self._at_stake = bool(committing)
            for unit in committing:
                await unit.flush()
            if self.claim is not None:
                await self.claim.keep_within(answer, committing)
            if self.rehearsal:
                await rehearse(committing)
                committing = []
            await commit_in_turn(committing)
            self._at_stake = False
            if self.claim is not None:
                await self.claim.keep_apart(answer, committing)
        except BaseException:
            await self._roll_back()
            raise
        for _, unit in self._units.values():
            if unit not in committing:
                await unit.rollback()

    async def _roll_back(self) -> None:
        for _, unit in self._units.values():
            await unit.rollback()

    def check_unwritten(self) -> None:
        """Refuse changes left in a session while nobody could commit them any more.

        Raises:
            UncommittedChangesError: A session has flushed or executed writes.
        """
        for _, unit in self._units.values():
            if unit.writes:
                raise UncommittedChangesError(route_name(self._scope), unit.key, websocket=True)

    async def close(self) -> None:
        """Close every session, for good.

        Raises:
            ResponseStartedError: Objects were added after the start and never written.
        """
        late = any(unit.unflushed().keys() - unit.given_up for _, unit in self._units.values())
        self.progress.reached(Phase.ENDED)
        if any(unit.sync_session.in_transaction() for _, unit in self._units.values()):
            try:
                await finish(self._close(), self.timeout, self._cut)
            except TimeoutError:
                logger.warning("Closing sessions did not end in time; connections are discarded")
        else:
            await self._close()  # nothing is sent, so nothing can be cut short
        if late:
            raise ResponseStartedError("the objects that were added, changed or deleted since")

    def _cut(self) -> bool:
        return sum(unit.cut() for _, unit in self._units.values()) > 0

    async def _close(self) -> None:
        for _, unit in self._units.values():
            try:
                await unit.close()
            except Exception:
                logger.warning("Closing a session failed", exc_info=True)


def request_transaction(scope: MutableMapping[str, Any], owner: object) -> RequestTransaction:
    """Return the open transaction of a request.

    Raises:
        OutsideBoundaryError: The scope never passed the owner's boundary.
    """
    transaction: RequestTransaction | None = scope.get(SCOPE_KEY, {}).get(owner)
    if transaction is None:
        raise OutsideBoundaryError(
            "here: this scope has not passed the extension's boundary (was it attached with "
            "`AdvancedAlchemy(config, app=app)`, and is this a middleware around it?)"
        )
    return transaction
