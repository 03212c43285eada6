"""Requests that are run again take turns, so that they do not just meet one another again."""

import asyncio
from weakref import WeakValueDictionary

__all__ = ("Lanes",)


class Lanes:
    """One lane for each path: who is in it runs, the others wait in the order they came.

    Requests for one path mostly want the same rows. Pauses alone would let newcomers overtake a
    request again and again; in a lane each loses at most to those on their first attempt. Other
    processes have lanes of their own, which is what the pauses are for.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def enter(self, path: str, seconds: float) -> asyncio.Lock | None:
        """Wait for one's turn.

        Args:
            path: The path of the request.
            seconds: How long to wait.

        Returns:
            What has to be released after the last attempt; None if the turn did not come in time.
        """
        lock = self._locks.setdefault(path, asyncio.Lock())
        try:
            async with asyncio.timeout(max(0, seconds)):
                await lock.acquire()
        except TimeoutError:
            return None
        return lock
