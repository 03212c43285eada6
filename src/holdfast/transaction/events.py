"""The session events through which a request's sessions are watched and, later, held back."""

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Dialect, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from holdfast.transaction.guard import Guard
from holdfast.transaction.statements import Effect, effect_of
from holdfast.transaction.unit import verify

__all__ = ("watch",)

_GUARD = "holdfast_guard"

_watched: WeakSet[type[Session]] = WeakSet()
_dialects: WeakSet[Dialect] = WeakSet()
_guards: WeakKeyDictionary[Connection, Guard] = WeakKeyDictionary()


def watch(session: Session, guard: Guard) -> None:
    """Let a guard follow, and from some point on restrict, what a session does.

    Args:
        session: A session that has not been used yet.
        guard: Its guard.
    """
    session.info[_GUARD] = guard
    # A sessionmaker makes a class of its own. The class that everybody shares is left alone.
    shared = type(session) is Session
    if not shared and type(session) in _watched:
        return
    target: Any = session if shared else type(session)
    event.listen(target, "after_begin", _after_begin)
    event.listen(target, "do_orm_execute", _do_orm_execute)
    event.listen(target, "before_flush", _before_flush)
    event.listen(target, "after_flush", _after_flush)
    event.listen(target, "before_commit", _before_commit)
    event.listen(target, "after_transaction_end", _after_transaction_end)
    if not shared:
        _watched.add(type(session))


def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    guard: Guard | None = session.info.get(_GUARD)
    if guard is None or transaction.nested:
        return
    guard.check_connection()
    guard.unit.connections.append(connection)
    _guards[connection] = guard
    if connection.dialect not in _dialects:
        _dialects.add(connection.dialect)
        event.listen(connection.engine, "handle_error", _handle_error)


def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    guard: Guard | None = session.info.get(_GUARD)
    if guard is None or transaction.parent is not None:
        return
    guard.unit.forget_transaction()


def _do_orm_execute(state: ORMExecuteState) -> Any:
    guard: Guard | None = state.session.info.get(_GUARD)
    if guard is None:
        return None
    if not guard.admit():
        return guard.read(state)
    if effect_of(state.statement) is not Effect.WRITES:
        return None
    result = state.invoke_statement()
    guard.unit.writes += 1
    return result


def _before_flush(session: Session, *_: Any) -> None:
    guard: Guard | None = session.info.get(_GUARD)
    if guard is not None and not guard.admit():
        guard.refuse("a write")


def _after_flush(session: Session, *_: Any) -> None:
    guard: Guard | None = session.info.get(_GUARD)
    if guard is not None:
        guard.unit.writes += 1


def _before_commit(session: Session) -> None:
    guard: Guard | None = session.info.get(_GUARD)
    # A savepoint in an aborted transaction is refused by the server itself.
    if guard is not None and guard.admit() and not session.in_nested_transaction():
        verify(guard.unit)


def _handle_error(context: ExceptionContext) -> None:
    guard = _guards.get(context.connection) if context.connection is not None else None
    if guard is None:
        return
    unit = guard.unit
    unit.errors.append(context.sqlalchemy_exception or context.original_exception)
    if context.statement is None and unit.committing:
        unit.commit_refused = True
