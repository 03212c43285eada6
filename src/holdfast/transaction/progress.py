"""How far a request has come, and who has to wait for it."""

import asyncio
import inspect
import threading
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ("Phase", "Progress", "current_progress")


class Phase(Enum):
    """How far a request has come."""

    OPEN = auto()
    """The handler is at work; its transaction is open."""
    SETTLING = auto()
    """The response is about to start: flush, COMMIT or ROLLBACK are under way."""
    SERVED = auto()
    """The response has started: connections are back, sessions only read."""
    ENDED = auto()
    """The request is over."""


# Set in the task that ends a transaction; worker threads inherit it.
_settling: ContextVar["Progress | None"] = ContextVar("holdfast_settling", default=None)

current_progress: ContextVar["Progress | None"] = ContextVar("holdfast_progress", default=None)
"""Where the request that is being handled stands: for what it opens beside its own sessions."""


class Progress:
    """Where a request stands, shared by its sessions.

    Args:
        scope: The ASGI scope, in which the router leaves the endpoint.
        patience: Seconds that work beside the request waits for the response to start.
        outer: Where the same request stands in the boundary of another extension around this one.

    Attributes:
        phase: How far it has come.
        statement_timeout: Seconds that one statement may run; None for no bound.
        check_commit: Called with a session that a handler commits by itself; raises where it must
            not.
        committed: Whether anything has been committed on its behalf, by whichever session.
    """

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        patience: float,
        outer: "Progress | None" = None,
    ) -> None:
        self.phase = Phase.OPEN
        self.statement_timeout: float | None = None
        self.check_commit: Callable[[Session], None] | None = None
        self.committed = False
        self._outer = outer
        self._scope = scope
        self._patience = patience
        self._owners = {asyncio.current_task()}
        # Each made by the first that has to wait, which is rare.
        self._started: asyncio.Event | None = None
        self._started_for_threads: threading.Event | None = None

    def handled_here(self) -> None:
        """Note that the current task is the one that answers, whatever middleware spawned it."""
        self._owners.add(asyncio.current_task())

    def note_commit(self) -> None:
        """Note that something was committed: this request must not be run again."""
        self.committed = True
        if self._outer is not None:
            self._outer.note_commit()

    def settle_here(self) -> None:
        """Note that the current task, which does nothing else, ends the transaction."""
        self.phase = Phase.SETTLING
        _settling.set(self)

    def reached(self, phase: Phase) -> None:
        """Note a phase after the start, and let those who waited for it go on."""
        self.phase = phase
        if self._started is not None:
            self._started.set()
        if self._started_for_threads is not None:
            self._started_for_threads.set()

    def wait_for_turn(self) -> None:
        """Hold back work that must not run beside COMMIT.

        The body of a generator endpoint belongs after the start, but FastAPI begins an SSE producer
        beside it: one statement could land inside the transaction and the next outside.
        """
        phase = self.phase
        if phase is Phase.OPEN:
            if in_greenlet() and asyncio.current_task() not in self._owners:
                await_only(self._wait_for_start())
        elif phase is Phase.SETTLING and _settling.get() is not self:
            if in_greenlet():
                await_only(self._wait_for_start())
            else:
                self._wait_in_thread()

    async def _wait_for_start(self) -> None:
        # Awaited by SQLAlchemy outside its greenlet, where the frames below are the caller's.
        if self.phase is Phase.SETTLING or self._is_body_of_generator():
            if self._started is None:
                self._started = asyncio.Event()
            await asyncio.wait_for(self._started.wait(), self._patience)

    def _wait_in_thread(self) -> None:
        started = self._started_for_threads
        if started is None:
            started = self._started_for_threads = threading.Event()
        # The phase is noted before the event is looked for, so one of the two is seen.
        if self.phase is Phase.SETTLING:
            started.wait(self._patience)

    def _is_body_of_generator(self) -> bool:
        """Tell whether it is the body of a generator endpoint that waits for the database here.

        A dependency of such an endpoint may work in a task of its own too, and the start would wait
        for it in turn.
        """
        function = self._scope.get("endpoint")
        while isinstance(function, partial):
            function = function.func
        if function is None:
            return False
        function = inspect.unwrap(function)
        if not (inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)):
            return False
        frame = inspect.currentframe()
        while frame is not None and frame.f_code is not function.__code__:
            frame = frame.f_back
        return frame is not None
