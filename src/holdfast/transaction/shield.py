"""Finishing what must not be cut short, within a deadline."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

__all__ = ("abandon", "endings", "finish", "in_thread")

T = TypeVar("T")

_THREADS = 40
_limiter: RunVar[CapacityLimiter] = RunVar("holdfast_threads")
_under_way: set[asyncio.Task[Any]] = set()


# What an operation gets to unwind after its connections were cut, and a driver to obey.
_UNWINDING = 0.25


async def finish(
    operation: Coroutine[Any, Any, T],
    seconds: float,
    cut: Callable[[], bool] = bool,
) -> T:
    """Run an operation to its end, even if the calling task is cancelled meanwhile.

    Neither form of cancellation may cut a COMMIT in half: a task of its own keeps out a native
    ``task.cancel()``, the shielded scope keeps out anyio's. The caller's cancellation is delivered
    once the operation has ended.

    Args:
        operation: What to finish.
        seconds: How long to wait for it. Past that it is cancelled, as often as it takes, and left
            to unwind by itself.
        cut: Ends, past the deadline, what the operation waits for where no cancellation can, and
            tells whether it did: then the operation may yet end by itself.

    Returns:
        What the operation returns.

    Raises:
        TimeoutError: The deadline passed.
        asyncio.CancelledError: The caller was cancelled meanwhile.
    """
    task = asyncio.get_running_loop().create_task(operation)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    cancelled = await _outwait(task, seconds)
    if not task.done() and cut():
        cancelled = await _outwait(task, _UNWINDING) or cancelled
    if not task.done():
        abandon(task)
        raise cancelled or TimeoutError
    if cancelled is not None:
        _retrieve(task)
        raise cancelled
    return task.result()


async def _outwait(task: asyncio.Task[Any], seconds: float) -> asyncio.CancelledError | None:
    """Wait for a task, and return the cancellation that came meanwhile."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done() and loop.time() < deadline:
            try:
                await _done_or_late(task, deadline)
            except asyncio.CancelledError as error:
                cancelled = error
    return cancelled


async def _done_or_late(task: asyncio.Task[Any], deadline: float) -> None:
    """Wait as ``asyncio.wait`` does for a single task, at a fraction of what that costs."""
    loop = task.get_loop()
    waiter = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    # A timer that is cancelled stays with the loop until its time, and with it its context.
    timer = loop.call_at(deadline, wake, context=Context())
    try:
        await waiter
    finally:
        timer.cancel()
        task.remove_done_callback(wake)


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a worker thread that handlers cannot use up.

    Handlers that wait for a connection may hold every thread of the default limiter, and the
    COMMIT that would free one must not queue behind them.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await run_sync(call, limiter=limiter)


def endings() -> set[asyncio.Task[Any]]:
    """Return the operations of the running loop that are being finished, or were given up."""
    loop = asyncio.get_running_loop()
    return {task for task in tuple(_under_way) if task.get_loop() is loop and not task.done()}


def abandon(task: asyncio.Task[Any]) -> None:
    """Let go of a task: it is cancelled, as often as it takes, and nobody waits for it."""
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    task.add_done_callback(_retrieve)
    _insist(task)


def _insist(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended.

    The first time a driver may only ask the server to stop, and wait for a silent one for seconds.
    """
    if not task.done():
        task.cancel()
        asyncio.get_running_loop().call_later(_UNWINDING, _insist, task, context=Context())


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at a task's exception, so that the loop does not report it as never retrieved."""
    if not task.cancelled():
        task.exception()
