"""The session events through which a request's sessions are watched and, later, held back."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Dialect, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from holdfast.transaction.connecting import GUARD_KEY as _GUARD
from holdfast.transaction.guard import Guard
from holdfast.transaction.liveness import is_lost
from holdfast.transaction.outcome import verify
from holdfast.transaction.statement_timeout import begin_limit, limit_statement
from holdfast.transaction.statements import MYSQL, commits, writes
from holdfast.transaction.violation import statement_of

__all__ = ("guard_of", "watch")

_BEGUN_BY_DRIVER = ("INSERT", "UPDATE", "DELETE", "REPLACE")

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
    if guard.progress is not None:
        _hold(session, guard)
    # A sessionmaker makes a class of its own. The class that everybody shares is left alone.
    shared = type(session) is Session
    if not shared and type(session) in _watched:
        return
    target: Any = session if shared else type(session)
    event.listen(target, "after_begin", _after_begin)
    event.listen(target, "before_flush", _before_flush)
    event.listen(target, "before_commit", _before_commit)
    event.listen(target, "after_commit", _after_commit)
    event.listen(target, "after_transaction_create", _after_transaction_create)
    event.listen(target, "after_soft_rollback", _after_soft_rollback)
    event.listen(target, "after_transaction_end", _after_transaction_end)
    if not shared:
        _watched.add(type(session))


def guard_of(session: Session) -> Guard | None:
    """Return the guard of a session that is watched."""
    guard: Guard | None = session.info.get(_GUARD)
    return guard


def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    guard = guard_of(session)
    if guard is None or transaction.nested:
        return
    guard.check_connection()
    guard.unit.begun(connection)
    _guards[connection] = guard
    seconds = guard.statement_timeout
    if seconds is not None:
        limit = begin_limit(connection, seconds)
        if limit is not None:
            guard.unit.limits.append(limit)
    if connection.dialect not in _dialects:
        _dialects.add(connection.dialect)
        # On the dialect, where they cost next to nothing: a listener on the engine makes every
        # connection build dispatchers of its own.
        event.listen(connection.dialect, "handle_error", _handle_error)
        event.listen(connection.dialect, "do_execute", _do_execute)
        event.listen(connection.dialect, "do_executemany", _do_execute)
        event.listen(connection.dialect, "do_execute_no_params", _do_execute_no_params)


def _after_transaction_create(session: Session, transaction: SessionTransaction) -> None:
    guard = guard_of(session)
    if guard is not None and transaction.nested:
        guard.unit.writes_before[transaction] = guard.unit.writes
        guard.unit.hooks_before[transaction] = len(guard.unit.hooks)


def _after_soft_rollback(session: Session, previous: SessionTransaction) -> None:
    guard = guard_of(session)
    if guard is not None and previous.nested:
        unit = guard.unit
        unit.writes = unit.writes_before.get(previous, unit.writes)
        del unit.hooks[unit.hooks_before.get(previous, len(unit.hooks)) :]


def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    guard = guard_of(session)
    if guard is None or transaction.parent is not None:
        return
    for ended in guard.unit.connections:
        # What the guard leads to, an error's traceback for one, may lead back to the connection,
        # and an entry whose value holds its key would stay for good.
        _guards.pop(ended, None)
    guard.unit.forget_transaction()


def _hold(session: Session, guard: Guard) -> None:
    """Let each statement of a session wait for its turn, and run as a read after the start.

    The event for it makes every statement prepare twice, so it is listened to only when it is
    needed. All of SQLAlchemy's own loads pass through these methods as well.
    """
    reading = False

    def held(execute: Callable[..., Any]) -> Callable[..., Any]:
        def execute_in_turn(statement: Any, params: Any = None, **options: Any) -> Any:
            nonlocal reading
            if not reading and not guard.admit():
                reading = True
                event.listen(session, "do_orm_execute", _read)
            return execute(statement, params, **options)

        return execute_in_turn

    for name in ("execute", "scalar", "scalars"):
        vars(session)[name] = held(getattr(session, name))


def _read(state: ORMExecuteState) -> Any:
    guard = guard_of(state.session)
    return None if guard is None or guard.admit() else guard.read(state)


def _before_flush(session: Session, *_: Any) -> None:
    guard = guard_of(session)
    if guard is not None and not guard.admit():
        guard.refuse("a write")


def _before_commit(session: Session) -> None:
    guard = guard_of(session)
    # A savepoint in an aborted transaction is refused by the server itself.
    if guard is not None and guard.admit() and not session.in_nested_transaction():
        guard.check_commit()
        verify(guard.unit)


def _after_commit(session: Session) -> None:
    guard = guard_of(session)
    # The release of a savepoint sets this off as well.
    if guard is not None and not session.in_nested_transaction():
        guard.note_commit()


def _do_execute(cursor: Any, statement: str, parameters: Any, context: ExecutionContext) -> Any:
    """Count writes here, where those of a flush, of Core and of plain SQL all pass."""
    guard = _guards.get(context.root_connection)
    if guard is None:
        return False
    changing = context.isinsert or context.isupdate or writes(statement)
    if context.dialect.name == "sqlite":
        _begin_on_sqlite(cursor, statement, context, changing=changing)
    if changing:
        guard.unit.writes += 1
        guard.unit.writing = context
    if context.dialect.name in MYSQL and commits(statement):
        guard.unit.writes = 0
        guard.note_commit()
    seconds = guard.statement_timeout
    limited = statement if seconds is None else limit_statement(statement, context, seconds)
    if limited is statement:
        return False
    send = cursor.executemany if context.executemany else cursor.execute
    send(limited, parameters)
    return True


def _do_execute_no_params(cursor: Any, statement: str, context: ExecutionContext) -> Any:
    return _do_execute(cursor, statement, (), context)


def _begin_on_sqlite(
    cursor: Any, statement: str, context: ExecutionContext, *, changing: bool
) -> None:
    """Begin where Python's driver does not: it knows INSERT, UPDATE, DELETE and REPLACE alone.

    After a savepoint, DDL or a write with a WITH clause, ROLLBACK would find nothing to undo.
    """
    if statement.startswith(_BEGUN_BY_DRIVER) or not (
        changing or statement.startswith("SAVEPOINT")
    ):
        return
    driver = context.root_connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        cursor.execute("BEGIN")


def _handle_error(context: ExceptionContext) -> None:
    guard = _guards.get(context.connection) if context.connection is not None else None
    if guard is None:
        return
    if is_lost(context):
        context.is_disconnect = True
    unit = guard.unit
    error = context.sqlalchemy_exception or context.original_exception
    unit.errors.append(error)
    unit.reports.append((error, statement_of(context.execution_context, unit.sync_session)))
    if context.execution_context is not None and context.execution_context is unit.writing:
        # It was counted as it was sent, and changed nothing.
        unit.writes = max(unit.writes - 1, 0)
        unit.writing = None
    if context.statement is None and unit.committing:
        unit.commit_refused = True
