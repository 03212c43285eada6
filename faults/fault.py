"""One fault, and one run of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from faults.answers import Answer, is_untrue
from faults.clients import Clients
from faults.sites import Engines, Site
from faults.targets import InProcess, Served
from faults.wirings import KEYS, PLAIN, UPSTREAM, Wiring

__all__ = ("Cell", "Fault", "Place", "Scale", "run")

Place = Callable[[Engines, str], AbstractAsyncContextManager[Site]]

# Seconds for connections to come back by themselves after the last answer.
_SETTLING = 5.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        name: For the command line.
        title: For the table.
        place: Makes the database, and says what happens to it.
        backends: The drivers it is tried with; upstream with the first.
        wirings: Holdfast's wirings that it is tried with; all but the first two with the first
            driver alone.
        served: Whether the application runs in a process of its own.
        is_felt: Whether some answer has to be other than a success, without which nothing
            was broken.
        is_limit: Whether this is where the promise ends.
    """

    name: str
    title: str
    place: Place
    backends: Sequence[str]
    wirings: Sequence[Wiring] = (PLAIN, KEYS)
    served: bool = False
    is_felt: bool = True
    is_limit: bool = False

    def combinations(self) -> list[tuple[Wiring, str]]:
        """Return every wiring with its driver."""
        first = self.backends[0]
        found = [(wiring, first) for wiring in (*self.wirings, *UPSTREAM)]
        return found + [(one, other) for other in self.backends[1:] for one in self.wirings[:2]]


@dataclass(frozen=True)
class Scale:
    """How long a run is.

    Attributes:
        least: Requests at least.
        after: Of these after the fault.
    """

    least: int
    after: int


@dataclass(frozen=True)
class Cell:
    """What came of one fault with one wiring.

    Attributes:
        fault: The fault.
        wiring: The wiring.
        backend: The driver.
        durability: What the engine was set to.
        answers: Every answer to each row that was asked for, by its name.
        names: How often each name is there in the end.
        out: Connections that nobody gave back.
        seconds: How long it took.
    """

    fault: Fault
    wiring: Wiring
    backend: str
    durability: str
    answers: Mapping[str, Sequence[Answer]]
    names: Counter[str]
    out: int
    seconds: float

    @property
    def acknowledged(self) -> set[str]:
        """The names that a client was told were written."""
        answers = self.answers.items()
        return {name for name, got in answers if any(one.acknowledges for one in got)}

    @property
    def lost(self) -> int:
        """How many were acknowledged, and are not there."""
        return len(self.acknowledged - self.names.keys())

    @property
    def duplicated(self) -> int | None:
        """How many are there more than once; None where no client repeated anything."""
        return sum(count > 1 for count in self.names.values()) if self.wiring.keys else None

    @property
    def untrue(self) -> int:
        """How many were denied, and are there."""
        answers = self.answers.items()
        return sum(is_untrue(got, present=name in self.names) for name, got in answers)

    @property
    def counts(self) -> Counter[str]:
        """How often each answer was given, repetitions included."""
        return Counter(str(answer) for got in self.answers.values() for answer in got)

    @property
    def is_held_to_the_promise(self) -> bool:
        """Whether it has to be clean."""
        return self.wiring.is_holdfast and not self.fault.is_limit

    @property
    def failings(self) -> list[str]:
        """What breaks the promise, or leaves it untested, in words."""
        counted = {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "untrue": self.untrue,
            "out": self.out,
        }
        found = [f"{count} {what}" for what, count in counted.items() if count]
        if not self.acknowledged:
            found.append("nothing was acknowledged")
        if self.fault.is_felt and not self.wiring.retry and len(self.counts) == 1:
            found.append("the fault was not felt")
        return found


async def run(fault: Fault, wiring: Wiring, backend: str, engines: Engines, scale: Scale) -> Cell:
    """Run a fault once.

    Args:
        fault: The fault.
        wiring: How the application is wired.
        backend: The driver.
        engines: Where databases are made.
        scale: How long.
    """
    began = time.monotonic()
    start = Served.started if fault.served else InProcess.started
    async with fault.place(engines, backend) as site:
        async with start(wiring, site.settings) as target:
            await asyncio.to_thread(site.prepare)
            clients = Clients(target, site.shape, keys=wiring.keys)
            await clients.run(
                lambda: site.inject(clients, target), least=scale.least, after=scale.after
            )
            out = await _settled(target)
        names = Counter(await asyncio.to_thread(site.names))
    seconds = time.monotonic() - began
    return Cell(fault, wiring, backend, site.durability, clients.answers, names, out, seconds)


async def _settled(target: InProcess | Served) -> int:
    deadline = time.monotonic() + _SETTLING
    while out := await target.out():
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.05)
    return out
