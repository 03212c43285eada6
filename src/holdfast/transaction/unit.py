"""One session of one request: what happened on it, and how it ends."""

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from typing_extensions import override

from holdfast.transaction.outcome import raise_aborted, raise_commit_error, verify
from holdfast.transaction.overdue import Watch, break_off, watch_of_loop
from holdfast.transaction.shield import in_thread
from holdfast.transaction.statement_timeout import lift

if TYPE_CHECKING:
    from sqlalchemy.engine import ExecutionContext

    from holdfast.transaction.hooks import Hook
    from holdfast.transaction.violation import Statement

__all__ = ("AnyUnit", "AsyncUnit", "SessionSource", "SyncUnit", "Unit")

logger = logging.getLogger("holdfast.transaction")

_REPORTS = 16

T = TypeVar("T")
SessionT = TypeVar("SessionT", bound=AsyncSession | Session)


class SessionSource(Protocol):
    """What the boundary needs to know of a configured database.

    Attributes:
        bind_key: Name of the database among those of its extension.
        commit_mode: Which statuses commit.
        on_uncommitted: What a success over changes that nobody committed becomes.
        create_session_maker: Returns what opens sessions.
    """

    @property
    def bind_key(self) -> str | None: ...  # noqa: D102

    @property
    def commit_mode(self) -> Literal["manual", "autocommit", "autocommit_include_redirect"]: ...  # noqa: D102

    @property
    def on_uncommitted(self) -> Literal["error", "warn", "ignore"]: ...  # noqa: D102

    def create_session_maker(self) -> Callable[[], Any]: ...  # noqa: D102


class Unit(ABC, Generic[SessionT]):
    """One session with what the boundary has to know to end it truthfully.

    The session's events write here (see ``events``); the boundary reads.

    Attributes:
        key: Bind key of the session's database.
        session: The session.
        sync_session: The session underneath, where it is async.
        errors: Database errors of the transaction under way, including those a handler swallowed.
        reports: Every error of the request with the statement that met it, for naming fields.
        connections: Connections of the transaction under way.
        limits: Where deadlines of SQLite connections of the transaction under way are kept.
        writes: Writing statements since the last commit or rollback.
        writing: The writing statement that was sent last.
        writes_before: What ``writes`` was when a savepoint began, to which its rollback returns.
        committing: COMMIT is being sent, and its outcome is not known yet.
        commit_refused: The driver reported an error for COMMIT itself.
        given_up: Objects that waited for a flush when the transaction was rolled back.
        hooks: What is to run once the transaction under way has committed.
        hooks_before: How many of them there were when a savepoint began.
        due: What is to run, because its transaction has committed.
        commits: How many transactions have committed.
    """

    def __init__(self, key: str, session: SessionT, sync_session: Session) -> None:
        self.key = key
        self.session = session
        self.sync_session = sync_session
        self.errors: list[BaseException] = []
        self.reports: deque[tuple[BaseException, Statement]] = deque(maxlen=_REPORTS)
        self.connections: list[Connection] = []
        self.limits: list[dict[str, Any]] = []
        self.writes = 0
        self.writing: ExecutionContext | None = None
        self.writes_before: WeakKeyDictionary[SessionTransaction, int] = WeakKeyDictionary()
        self.committing = False
        self.commit_refused = False
        self.given_up: dict[int, object] = {}
        self.hooks: list[Hook] = []
        self.hooks_before: WeakKeyDictionary[SessionTransaction, int] = WeakKeyDictionary()
        self.due: list[Hook] = []
        self.commits = 0

    @abstractmethod
    async def run(self, call: Callable[[Session], T]) -> T:
        """Run a function that may use the connection on the session."""

    @abstractmethod
    async def commit_session(self) -> None:
        """Commit through the session's own method."""

    @abstractmethod
    async def rollback_session(self) -> None:
        """Roll back through the session's own method."""

    @abstractmethod
    async def close(self) -> None:
        """Close the session; its connection, if any, goes back to the pool."""

    def begun(self, connection: Connection) -> None:
        """Note a connection of the transaction under way."""
        self.connections.append(connection)

    def cut(self) -> bool:
        """End what waits for the server where no cancellation can, and tell whether it did."""
        return False

    def forget_transaction(self) -> None:
        """Start afresh: the transaction has ended, one way or the other."""
        self.errors.clear()
        self.connections.clear()
        self.hooks.clear()
        for limit in self.limits:
            lift(limit)
        self.limits.clear()
        self.writes = 0
        self.writing = None

    def unflushed(self) -> dict[int, object]:
        """Return the objects that wait for a flush, by identity."""
        session = self.sync_session
        if not (session.new or session.deleted or session.identity_map.check_modified()):
            return {}
        modified = filter(session.is_modified, session.dirty)
        return {id(item): item for item in (*session.new, *session.deleted, *modified)}

    async def flush(self) -> None:
        """Send what is pending and make sure that COMMIT can succeed.

        Raises:
            TransactionAbortedError: A swallowed error had already undone the transaction.
        """
        session = self.sync_session
        pending = session.new or session.deleted or session.identity_map.check_modified()
        if pending or self.errors or not session.is_active:
            await self.run(self.prepare)

    async def commit(self) -> None:
        """Commit, after ``flush``.

        Raises:
            CommitOutcomeUnknownError: The connection was lost while COMMIT was in flight.
            TransactionAbortedError: A swallowed error had already undone the transaction.
        """
        # What was loaded stays readable for background tasks and streams after the last commit.
        self.sync_session.expire_on_commit = False
        self.committing = True
        try:
            await self.commit_session()
        except Exception as error:  # noqa: BLE001 - always raises what it means
            raise_commit_error(self, error)
        finally:
            self.committing = False

    async def rollback(self) -> None:
        """Roll back; a connection that cannot even do that is thrown away."""
        try:
            await self.rollback_session()
        except Exception:
            logger.warning("ROLLBACK failed; the connection is discarded", exc_info=True)
            with suppress(Exception):
                await self.run(Session.invalidate)

    def prepare(self, session: Session) -> None:
        """Flush and verify; runs where the connection can be used."""
        try:
            session.flush()
            if not session.is_active:
                # A swallowed flush error; with nothing left to send, the flush passes over it.
                session.connection()
            verify(self)
        except PendingRollbackError as error:
            raise_aborted(self, error)


class AsyncUnit(Unit[AsyncSession]):
    """A unit over an ``AsyncSession``."""

    def __init__(self, key: str, session: AsyncSession) -> None:
        super().__init__(key, session, session.sync_session)
        self._watch: Watch | None = None

    @override
    def begun(self, connection: Connection) -> None:
        super().begun(connection)
        if connection.dialect.name != "sqlite":
            # No network keeps SQLite silent, and a driver that is cancelled twice as it closes a
            # file waits for ever.
            self._watch = watch_of_loop()
            self._watch.begin(self)

    @override
    def forget_transaction(self) -> None:
        super().forget_transaction()
        if self._watch is not None:
            self._watch.end(self)

    @override
    async def run(self, call: Callable[[Session], T]) -> T:
        return await self.session.run_sync(call)

    @override
    async def commit_session(self) -> None:
        await self.session.commit()

    @override
    async def rollback_session(self) -> None:
        await self.session.rollback()

    @override
    async def close(self) -> None:
        if self.errors:
            # See `SyncUnit.close_here`.
            await self.rollback()
        await self.session.close()


class SyncUnit(Unit[Session]):
    """A unit over a ``Session``, whose blocking calls run in worker threads."""

    def __init__(self, key: str, session: Session) -> None:
        super().__init__(key, session, session)

    @override
    def cut(self) -> bool:
        alive = [one for one in self.connections if not (one.closed or one.invalidated)]
        # A COMMIT is not called back: its outcome would be no more certain for that.
        ask = not self.committing
        return sum(break_off(one.connection.driver_connection, ask=ask) for one in alive) > 0

    @override
    async def run(self, call: Callable[[Session], T]) -> T:
        return await in_thread(lambda: call(self.session))

    @override
    async def commit_session(self) -> None:
        await in_thread(self.session.commit)

    @override
    async def rollback_session(self) -> None:
        await in_thread(self.session.rollback)

    @override
    async def close(self) -> None:
        if self.session.in_transaction():
            await in_thread(self.close_here)
        else:
            self.session.close()

    def close_here(self) -> None:
        """Close the session in the current thread."""
        if self.errors:
            # SQLite keeps a transaction open whose COMMIT failed, and closing alone would hand the
            # connection to the pool with it, write lock included.
            self.session.rollback()
        self.session.close()


AnyUnit = AsyncUnit | SyncUnit
