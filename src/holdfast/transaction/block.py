"""Sessions and transactions outside requests: jobs, commands, WebSockets, generators."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm import Session, SessionTransaction

from holdfast.errors import CommitOutcomeUnknownError, ConfigurationError, TransactionTimeoutError
from holdfast.transaction.events import watch
from holdfast.transaction.guard import Guard
from holdfast.transaction.hooks import run_hooks, run_sync_hooks
from holdfast.transaction.outcome import raise_commit_error
from holdfast.transaction.shield import finish
from holdfast.transaction.unit import AsyncUnit, SessionSource, SyncUnit

__all__ = ("SessionBlock", "TransactionBlock")

logger = logging.getLogger("holdfast.transaction")


class SessionBlock:
    """A session of one's own, closed at the end of the block; what is not committed is undone.

    Args:
        source: The database.
        timeout: Seconds that closing may take.
        statement_timeout: Seconds that one statement may run; None for no bound.
    """

    def __init__(
        self, source: SessionSource, timeout: float, statement_timeout: float | None = None
    ) -> None:
        self._source = source
        self._timeout = timeout
        self._statement_timeout = statement_timeout
        self._async_unit: AsyncUnit | None = None
        self._sync_unit: SyncUnit | None = None

    async def __aenter__(self) -> AsyncSession:
        self._async_unit = _open_async(self._source, self._statement_timeout)
        return self._async_unit.session

    async def __aexit__(self, *_: object) -> None:
        if self._async_unit is None:
            return
        try:
            await finish(self._async_unit.close(), self._timeout)
        except TimeoutError:
            logger.warning("Closing a session did not end in time; its connection is discarded")
        finally:
            await run_hooks(self._async_unit.due)

    def __enter__(self) -> Session:
        self._sync_unit = _open_sync(self._source, self._statement_timeout)
        return self._sync_unit.session

    def __exit__(self, *_: object) -> None:
        if self._sync_unit is not None:
            try:
                self._sync_unit.close_here()
            finally:
                run_sync_hooks(self._sync_unit.due)


class TransactionBlock:
    """A transaction that commits at the end of the block, or raises.

    A block inside a block of the same database and task is a savepoint: it is undone alone when it
    raises, and becomes durable with the outer one.

    Args:
        source: The database.
        timeout: Seconds that COMMIT and ROLLBACK may each take in an async block.
        statement_timeout: Seconds that one statement may run; None for no bound.
    """

    def __init__(
        self, source: SessionSource, timeout: float, statement_timeout: float | None = None
    ) -> None:
        self._source = source
        self._timeout = timeout
        self._statement_timeout = statement_timeout
        self._block: _AsyncBlock | _AsyncSavepoint | _SyncBlock | _SyncSavepoint | None = None

    async def __aenter__(self) -> AsyncSession:
        outer = _enclosing(self._source, asyncio.current_task())
        if isinstance(outer, _AsyncBlock):
            savepoint = self._block = _AsyncSavepoint(outer.unit.session)
            return await savepoint.enter()
        block = self._block = _AsyncBlock(self._source, self._timeout, self._statement_timeout)
        return block.unit.session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(self._block, _AsyncSavepoint):
            await self._block.leave(kind, error, traceback)
        elif isinstance(self._block, _AsyncBlock):
            _forget(self._source)
            await self._block.leave(error)

    def __enter__(self) -> Session:
        outer = _enclosing(self._source, threading.current_thread())
        if isinstance(outer, _SyncBlock):
            savepoint = self._block = _SyncSavepoint(outer.unit.session)
            return savepoint.enter()
        block = self._block = _SyncBlock(self._source, self._statement_timeout)
        return block.unit.session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(self._block, _SyncSavepoint):
            self._block.leave(kind, error, traceback)
        elif isinstance(self._block, _SyncBlock):
            _forget(self._source)
            self._block.leave(error)


class _AsyncBlock:
    def __init__(
        self, source: SessionSource, timeout: float, statement_timeout: float | None
    ) -> None:
        self.unit = _open_async(source, statement_timeout)
        self.runner = asyncio.current_task()
        self._timeout = timeout
        _remember(source, self)

    async def leave(self, error: BaseException | None) -> None:
        try:
            if error is None:
                await self._commit()
        finally:
            await self._close(undo=error is not None)
            await run_hooks(self.unit.due)

    async def _close(self, *, undo: bool) -> None:
        """Give the connection back, without hiding why the block ended."""

        async def close() -> None:
            if undo:
                await self.unit.rollback()
            await self.unit.close()

        try:
            await finish(close(), self._timeout)
        except (TimeoutError, SQLAlchemyError):
            # What was given up in mid-air still has the session, or has closed its connection.
            logger.warning("A session was still at work at the deadline and is left to unwind")

    async def _commit(self) -> None:
        try:
            await finish(self._flush_and_commit(), self._timeout)
        except TimeoutError as error:
            if self.unit.committing:
                raise CommitOutcomeUnknownError from error
            raise TransactionTimeoutError(self._timeout) from error

    async def _flush_and_commit(self) -> None:
        try:
            await self.unit.flush()
            await self.unit.commit()
        except BaseException:
            await self.unit.rollback()
            raise


class _AsyncSavepoint:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._savepoint: AsyncSessionTransaction = session.begin_nested()

    async def enter(self) -> AsyncSession:
        await self._savepoint
        return self._session

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._savepoint.__aexit__(kind, error, traceback)


class _SyncBlock:
    def __init__(self, source: SessionSource, statement_timeout: float | None) -> None:
        self.unit = _open_sync(source, statement_timeout)
        self.runner = threading.current_thread()
        _remember(source, self)

    def leave(self, error: BaseException | None) -> None:
        try:
            if error is None:
                self._commit()
        finally:
            self.unit.close_here()
            run_sync_hooks(self.unit.due)

    def _commit(self) -> None:
        unit = self.unit
        unit.prepare(unit.session)
        unit.session.expire_on_commit = False
        unit.committing = True
        try:
            unit.session.commit()
        except Exception as failure:  # noqa: BLE001 - always raises what it means
            raise_commit_error(unit, failure)


class _SyncSavepoint:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._savepoint: SessionTransaction = session.begin_nested()

    def enter(self) -> Session:
        return self._session

    def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._savepoint.__exit__(kind, error, traceback)


_Block = _AsyncBlock | _SyncBlock

# The open blocks of the current context, by database. A child task inherits the value but not the
# block, because two tasks must not share a session.
_blocks: ContextVar[Mapping[int, _Block]] = ContextVar(
    "holdfast_blocks",
    default=MappingProxyType({}),
)


def _enclosing(source: SessionSource, runner: object) -> _Block | None:
    block = _blocks.get().get(id(source))
    return block if block is not None and block.runner is runner else None


def _remember(source: SessionSource, block: _Block) -> None:
    _blocks.set({**_blocks.get(), id(source): block})


def _forget(source: SessionSource) -> None:
    _blocks.set({key: block for key, block in _blocks.get().items() if key != id(source)})


def _open_async(source: SessionSource, statement_timeout: float | None) -> AsyncUnit:
    session = source.create_session_maker()()
    if not isinstance(session, AsyncSession):
        raise ConfigurationError(
            f"Bind {source.bind_key!r} is sync. Use `with` rather than `async with`."
        )
    unit = AsyncUnit(source.bind_key or "default", session)
    watch(session.sync_session, Guard(unit, statement_timeout=statement_timeout))
    return unit


def _open_sync(source: SessionSource, statement_timeout: float | None) -> SyncUnit:
    session = source.create_session_maker()()
    if not isinstance(session, Session):
        raise ConfigurationError(
            f"Bind {source.bind_key!r} is async. Use `async with` rather than `with`."
        )
    unit = SyncUnit(source.bind_key or "default", session)
    watch(session, Guard(unit, statement_timeout=statement_timeout))
    return unit
