"""Ending what a cancellation alone does not end, so that a silent server keeps no connection."""

import asyncio
import os
import socket
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ("Watch", "shut_down", "watch_of_loop")

_INTERVAL = 0.25
_GRACE = 0.75

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

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_INTERVAL, self._look)

    def _look(self) -> None:
        self._looking = False
        self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}
        cancelled = {task for task in self._tasks.values() if task.cancelling()}
        now = asyncio.get_running_loop().time()
        self._noticed = {task: self._noticed.get(task, now) for task in cancelled}
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


def shut_down(driver_connection: Any) -> bool:
    """Shut the socket of a driver's connection down under whoever waits on it in a thread.

    The driver sees what it sees when the server goes, and unwinds as it does then.

    Returns:
        Whether there was a socket; not every driver has one, or tells.
    """
    fileno = getattr(driver_connection, "fileno", None)
    if fileno is None:
        return False
    try:
        with socket.socket(fileno=os.dup(fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
    except Exception:  # noqa: BLE001 - drivers have their own for a connection that is closed
        return False
    return True
