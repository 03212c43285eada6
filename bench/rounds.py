"""Alternating rounds: each side once, then each once more, the first of them changing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bench.databases import CONNECTIONS
from bench.load import run_round
from bench.operations import OPERATIONS, Operation
from bench.workers import Mode, Worker

__all__ = ("Cell", "Plan", "measure")

_WARM_UP = 60
_PROBE = 120
_FEWEST = 60
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: How often each side has its turn.
        serve: Seconds that a round over HTTP takes, about.
        direct: Seconds that a round without a server takes, about.
    """

    rounds: int
    serve: float
    direct: float


@dataclass(slots=True)
class Cell:
    """What one side reached at one operation on one engine.

    Attributes:
        mode: How it was measured.
        engine: The engine.
        operation: The operation.
        side: The side.
        requests: How many make a round; the same in each.
        connections: Over how many connections at a time.
        rate: Requests a second, by round.
        cpu: Microseconds of CPU that a request costs the measured process, by round.
        generator: Share of a core that the load generator used, by round; nothing if there is none.
    """

    mode: Mode
    engine: str
    operation: str
    side: str
    requests: int
    connections: int
    rate: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    generator: list[float] = field(default_factory=list[float])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Sample:
    rate: float
    cpu: float
    generator: float | None = None


_Measure = Callable[[int], Awaitable[_Sample]]


async def measure(
    mode: Mode, engine: str, workers: list[Worker], plan: Plan, say: Callable[[str], None]
) -> list[Cell]:
    """Measure every operation on every side.

    Args:
        mode: How the workers were started.
        engine: The engine of their databases.
        workers: The sides.
        plan: How long.
        say: Takes a line about what is under way.
    """
    cells: list[Cell] = []
    for operation in OPERATIONS:
        say(f"{engine}: {operation.name}, {mode}")
        connections = _connections(mode, engine, operation)
        performers = {
            worker.side.name: _direct(worker, operation)
            if mode == "direct"
            else _served(worker, operation, connections)
            for worker in workers
        }
        blank = Cell(mode, engine, operation.name, "", 0, connections)
        cells += await _alternate(performers, plan, blank)
    return cells


def _connections(mode: Mode, engine: str, operation: Operation) -> int:
    # SQLite has one writer at a time. The others would sleep in its busy handler, for times that
    # have nothing to do with what is measured.
    alone = mode == "direct" or (engine == "sqlite" and operation.writes)
    return 1 if alone else CONNECTIONS


async def _alternate(performers: dict[str, _Measure], plan: Plan, blank: Cell) -> list[Cell]:
    seconds = plan.serve if blank.mode == "serve" else plan.direct
    cells: dict[str, Cell] = {}
    for side, perform in performers.items():
        await perform(_WARM_UP)
        number = max(_FEWEST, round((await perform(_PROBE)).rate * seconds))
        cells[side] = replace(blank, side=side, requests=number, rate=[], cpu=[], generator=[])
    order = list(performers)
    for _ in range(plan.rounds):
        for side in order:
            sample = await performers[side](cells[side].requests)
            cells[side].rate.append(sample.rate)
            cells[side].cpu.append(sample.cpu)
            if sample.generator is not None:
                cells[side].generator.append(sample.generator)
        order = [*order[1:], order[0]]
    return list(cells.values())


def _served(worker: Worker, operation: Operation, connections: int) -> _Measure:
    requests = operation.requests()

    async def perform(number: int) -> _Sample:
        before = worker.cpu()
        done = await run_round(worker.port, operation, requests, number, connections)
        cpu = (worker.cpu() - before) / number * _MICROSECONDS
        return _Sample(number / done.seconds, cpu, done.generator / done.seconds)

    return perform


def _direct(worker: Worker, operation: Operation) -> _Measure:
    async def perform(number: int) -> _Sample:
        done = await asyncio.to_thread(worker.ask, operation=operation.name, requests=number)
        return _Sample(number / done["wall"], done["cpu"] / number * _MICROSECONDS)

    return perform
