"""What an application wants done once its transaction is durable: e-mails, events, files."""

import inspect
import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from holdfast.errors import ConfigurationError, OutsideBoundaryError
from holdfast.transaction import metrics
from holdfast.transaction.events import guard_of

__all__ = ("Hook", "after_commit", "run_hooks", "run_sync_hooks")

logger = logging.getLogger("holdfast.transaction")

P = ParamSpec("P")

Hook = partial[object]


def after_commit(
    session: AsyncSession | Session, hook: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a function once what the session is doing now has been committed.

    It runs at most once, outside the transaction: for a request's session after the last byte of
    the answer, for a block of one's own at the end of the block. It does not run when the
    transaction or the savepoint it was registered in is rolled back, nor on the replay of a stored
    answer, nor if the process ends first: what must never be lost belongs into a table. A hook that
    raises is logged and counted, and changes no answer.

    Args:
        session: A session of a request, of ``alchemy.session()`` or of ``alchemy.transaction()``.
        hook: A function or a coroutine function. A function runs in a worker thread.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Raises:
        OutsideBoundaryError: The session is none of Holdfast's, or its request has ended.
        ResponseStartedError: The response has started, so nothing will be committed any more.
        ConfigurationError: A coroutine function in a sync block, which has nothing to await it.
    """
    sync_session = session.sync_session if isinstance(session, AsyncSession) else session
    guard = guard_of(sync_session)
    if guard is None:
        raise OutsideBoundaryError("behind this session, which Holdfast did not open")
    if not guard.admit():
        guard.refuse("an after-commit hook")
    if guard.progress is None and session is sync_session and inspect.iscoroutinefunction(hook):
        raise ConfigurationError(
            f"{hook!r} is a coroutine function, and nothing can await it at the end of a sync "
            "block. Pass a plain function, or open the block with `async with`."
        )
    guard.unit.hooks.append(partial(hook, *args, **kwargs))


async def run_hooks(hooks: Iterable[Hook]) -> None:
    """Run hooks one after another; what one raises is logged and counted."""
    for hook in hooks:
        with _counted(hook):
            if inspect.iscoroutinefunction(hook):
                await hook()
                continue
            outcome = await run_in_threadpool(hook)
            if inspect.isawaitable(outcome):
                await outcome


def run_sync_hooks(hooks: Iterable[Hook]) -> None:
    """Run hooks in the current thread; what one raises is logged and counted."""
    for hook in hooks:
        with _counted(hook):
            hook()


@contextmanager
def _counted(hook: Hook) -> Generator[None]:
    try:
        yield
    except Exception:
        metrics.hook_ran(failed=True)
        # Its name alone: what it is given may hold secrets.
        name = getattr(hook.func, "__qualname__", type(hook.func).__qualname__)
        logger.exception("The after-commit hook %s failed; what it follows is committed", name)
    else:
        metrics.hook_ran(failed=False)
