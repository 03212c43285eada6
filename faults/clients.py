"""Clients in a closed loop: each sends its next request when it has the answer to the last."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from faults.answers import Answer
from faults.application import CLIENTS

__all__ = ("Clients", "Target")

Shape = Callable[[int], Mapping[str, Any]]

# Seconds that a client waits after an answer that is no success.
_PAUSE = 0.08
# Seconds for which one repeats a request.
_PERSISTENCE = 30.0


class Target(Protocol):
    """Where requests go."""

    async def send(self, body: Mapping[str, Any], key: str | None) -> Answer:
        """Send one request and return its answer."""
        ...


class Clients:
    """Several clients, who together send requests until a fault is over and a while longer.

    Args:
        target: Where to.
        shape: What the nth request has beside its name.
        keys: Whether each has a key, and is repeated until its answer is final.

    Attributes:
        answers: All answers to each name, in order.
    """

    def __init__(self, target: Target, shape: Shape, *, keys: bool) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self._target = target
        self._shape = shape
        self._keys = keys
        self._numbers = itertools.count(1)
        self._least: int | None = None

    async def run(self, fault: Callable[[], Awaitable[None]], *, least: int, after: int) -> None:
        """Send requests while a fault takes its course.

        Args:
            fault: Breaks something, and mends it.
            least: How many requests at least.
            after: How many more at least once it is over.
        """
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(self._send_all())
            await fault()
            self._least = max(least, len(self.answers) + after)

    @property
    def acknowledged(self) -> int:
        """How many names have been acknowledged."""
        return sum(any(one.acknowledges for one in got) for got in self.answers.values())

    async def more(self, count: int, *, within: float = 5.0) -> None:
        """Wait until so many more are acknowledged, or the time is up."""
        wanted, deadline = self.acknowledged + count, time.monotonic() + within
        while self.acknowledged < wanted:
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.005)

    async def _send_all(self) -> None:
        while self._least is None or len(self.answers) < self._least:
            number = next(self._numbers)
            name = f"n{number}"
            await self._send(name, {"name": name, **self._shape(number)})

    async def _send(self, name: str, body: Mapping[str, Any]) -> None:
        got = self.answers[name] = []
        deadline = time.monotonic() + _PERSISTENCE
        while True:
            answer = await self._target.send(body, name if self._keys else None)
            got.append(answer)
            if answer.acknowledges:
                return
            await asyncio.sleep(_PAUSE * (0.5 + random.random()))
            if not self._keys or answer.is_final or time.monotonic() > deadline:
                return
            # Who went away without an answer stays for it the next time.
            body = {field: value for field, value in body.items() if field != "leave"}
