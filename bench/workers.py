"""The measured processes, seen from the one that measures."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from bench.databases import CONNECTIONS, Databases
from bench.environments import ROOT

__all__ = ("SIDES", "Side", "Worker", "start")

Mode = Literal["serve", "direct"]

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Side:
    """One way of serving the same handlers.

    Attributes:
        name: Its name in results.
        module: The module of its application; ``{engine}`` stands for the engine.
        environment: Which of the environments runs it.
        shown: How reports name it, with its versions.
        modes: How it is measured.
    """

    name: str
    module: str
    environment: str
    shown: str
    modes: tuple[Mode, ...] = ("serve", "direct")


SIDES = (
    Side(
        "upstream",
        "bench.sides.extension",
        "upstream",
        "Advanced Alchemy {advanced-alchemy} extension, FastAPI {fastapi}",
    ),
    Side(
        "holdfast",
        "bench.sides.extension",
        "holdfast",
        "Holdfast {holdfast}, FastAPI {fastapi}",
    ),
    Side(
        "bare",
        "bench.sides.bare",
        "holdfast",
        "bare async_sessionmaker, SQLAlchemy {sqlalchemy}, FastAPI {fastapi}",
    ),
    Side(
        "ceiling",
        "bench.sides.ceiling_{engine}",
        "holdfast",
        "bare ASGI, {driver}, orjson {orjson}",
    ),
    # Shows how much of upstream's distance is the older FastAPI's.
    Side(
        "bare-upstream",
        "bench.sides.bare",
        "upstream",
        "bare async_sessionmaker, SQLAlchemy {sqlalchemy}, FastAPI {fastapi}",
        ("direct",),
    ),
)


class Worker:
    """A process that serves one side.

    Attributes:
        side: The side.
        url: Its database.
        versions: What it runs on.
        port: Where it listens, if it serves.
    """

    def __init__(self, side: Side, url: str, process: subprocess.Popen[str]) -> None:
        self.side = side
        self.url = url
        self._process = process
        hello = self._read()
        self.versions: dict[str, str] = hello["versions"]
        self.port: int = hello.get("port", 0)

    def ask(self, **order: Any) -> dict[str, float]:
        """Give an order, and return what was measured."""
        stdin = _opened(self._process.stdin)
        stdin.write(f"{json.dumps(order)}\n")
        stdin.flush()
        return self._read()

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used, with all its threads."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.exists():
            return float("nan")
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _read(self) -> dict[str, Any]:
        line = _opened(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"The {self.side.name} side ended with {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def start(
    mode: Mode, engine: str, pythons: dict[str, Path], databases: Databases
) -> Generator[list[Worker]]:
    """Start a worker for each side, and stop them at the end.

    Args:
        mode: How they are measured.
        engine: The engine of their databases.
        pythons: The interpreters of the environments.
        databases: Where each gets a database.
    """
    with ExitStack() as stack:
        processes: list[tuple[Side, str, subprocess.Popen[str]]] = []
        for side in SIDES:
            if mode in side.modes:
                url = databases.copy(f"{side.name}-{mode}")
                command = [str(pythons[side.environment]), "-m", "bench.sides", mode]
                command.append(side.module.format(engine=engine))
                process = stack.enter_context(_running(side, url, command))
                processes.append((side, url, process))
        # They come up side by side.
        yield [Worker(side, url, process) for side, url, process in processes]


@contextmanager
def _running(side: Side, url: str, command: list[str]) -> Generator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "BENCH_SIDE": side.name,
        "BENCH_DATABASE": url,
        "BENCH_CONNECTIONS": str(CONNECTIONS),
    }
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - the bench's own programs
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        try:
            yield process
        finally:
            _stop(process)
            log.seek(0)
            if written := log.read():
                print(f"The {side.name} side wrote:\n{written[-4000:]}", file=sys.stderr)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _opened(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("The process was started without a pipe.")
    return stream
