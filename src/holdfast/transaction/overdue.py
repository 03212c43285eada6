"""Ending what a cancellation alone does not end, so that a silent server keeps no connection."""

import asyncio
import os
import socket
from contextlib import suppress
from contextvars import Context
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

from holdfast.transaction.shield import endings

__all__ = ("Watch", "break_off", "outwait_endings", "watch_of_loop")

_INTERVAL = 0.25
_GRACE = 0.75
_ASKING = 0.2

# What a cancellation that was asked for takes to reach its task, in turns of the loop.
_TURNS = 5

_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, "Watch"] = WeakKeyDictionary()


class Watch:
    """Cancels tasks of one loop again that were cancelled and hold a connection all the same.

    A driver may answer a cancellation by asking the server to stop, and wait for it to do so:
    psycopg does that for ten seconds. A silent server never does, and the connection is of no use
    any more. A second cancellation makes drivers let go at once. It comes about a second after the
    first, for which somebody has to look.
    """

    def __init__(self) -> None:
        self._tasks: dict[object, asyncio.Task[Any]] = {}
        self._noticed: dict[asyncio.Task[Any], float] = {}
        self._looking = False

    def begin(self, holder: object) -> None:
        """Note that the current task has taken a connection, known as ``holder`` until ``end``."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks[holder] = task
            self._look_later()

    def end(self, holder: object) -> None:
        """Note that the connection was given back."""
        self._tasks.pop(holder, None)

    def cancelled(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that were cancelled and hold a connection still."""
        return {task for task in self._tasks.values() if task.cancelling() and not task.done()}

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_INTERVAL, self._look, context=Context())

    def _look(self) -> None:
        self._looking = False
        self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}
        now = asyncio.get_running_loop().time()
        self._noticed = {task: self._noticed.get(task, now) for task in self.cancelled()}
        for task, since in self._noticed.items():
            if now - since >= _GRACE:
                # The same cancellation again: whoever counts them must not see another.
                task.cancel()
                task.uncancel()
        if self._tasks:
            self._look_later()


def watch_of_loop() -> Watch:
    """Return the watch over the tasks of the running loop."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = Watch()
    return watch


async def outwait_endings(seconds: float) -> None:
    """Wait until transactions have ended that are about to, because their requests were cancelled.

    A server that stops cancels what is still at work, and does not wait for it: the lifespan ends,
    and with it the process. A statement that its database was not asked to stop would go on there,
    with its locks.

    Args:
        seconds: How long to wait for them.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    while tasks := (endings() | watch_of_loop().cancelled()) - {asyncio.current_task()}:
        remaining = deadline - loop.time()
        if remaining <= 0:
            return
        await asyncio.wait(tasks, timeout=remaining)


def break_off(driver_connection: Any, *, ask: bool = True) -> bool:
    """End whatever a thread is waiting for on a driver's connection, in a thread of its own.

    Its socket is shut down, so that the driver sees what it sees when the server goes.

    Args:
        driver_connection: What the pool knows by that name.
        ask: Whether the server is asked first to stop what it does. It would go on to the end of
            the statement otherwise, and only then notice that nobody listens.

    Returns:
        Whether there is a socket; not every driver has one, or tells.
    """
    if getattr(driver_connection, "fileno", None) is None:
        return False
    Thread(target=_break_off, args=(driver_connection, ask), daemon=True).start()
    return True


def _break_off(driver_connection: Any, ask: bool) -> None:
    # Drivers have errors of their own for a connection that is closed already.
    with suppress(Exception):
        cancel = getattr(driver_connection, "cancel_safe", None) if ask else None
        try:
            if cancel is not None:
                cancel(timeout=_ASKING)
        finally:
            with socket.socket(fileno=os.dup(driver_connection.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
