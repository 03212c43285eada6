"""Runs every fault against Holdfast and upstream's extension, and writes what came of it."""

import argparse
import asyncio
import logging
import os
import platform
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from faults import report
from faults.fault import Cell, Fault, Scale, run
from faults.sites import Engines
from faults.suite import FAULTS
from tests.engines import mariadb, postgres
from tests.engines.galera import GaleraCluster, find_provider
from tests.engines.mariadb import MariaDBServer
from tests.engines.postgres import PostgresServer

T = TypeVar("T")

FULL = Scale(least=150, after=40)
QUICK = Scale(least=40, after=10)
PACKAGES = (
    *("holdfast", "advanced-alchemy", "fastapi", "starlette", "sqlalchemy", "uvicorn"),
    *("asyncpg", "psycopg", "asyncmy", "aiosqlite"),
)


def say(text: str) -> None:
    """Tell what is under way, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def engines(stack: ExitStack) -> Engines:
    """Return the engines, each started when needed and stopped at the end."""

    def postgres_server() -> PostgresServer:
        server = PostgresServer(_found(postgres.find_binaries()), settings={"fsync": "on"})
        stack.callback(server.close)
        return server

    def mariadb_server() -> MariaDBServer:
        settings = {"innodb-flush-log-at-trx-commit": "1"}
        server = MariaDBServer(_found(mariadb.find_binaries()), settings)
        stack.callback(server.close)
        return server

    def galera_cluster() -> GaleraCluster:
        cluster = GaleraCluster(_found(mariadb.find_binaries()), _found(find_provider()))
        stack.callback(cluster.close)
        return cluster

    folder = stack.enter_context(TemporaryDirectory(prefix="holdfast-faults-"))
    return Engines(postgres_server, mariadb_server, galera_cluster, Path(folder))


def _found(binaries: T | None) -> T:
    if binaries is None:
        raise FileNotFoundError(
            "An engine is not installed: `apt-get install postgresql mariadb-server galera-4 rsync "
            "socat`, or name the faults to run with `--only`."
        )
    return binaries


def run_all(
    chosen: Sequence[Fault], scale: Scale, made: Engines, done: Callable[[Cell], None]
) -> list[Cell]:
    """Run faults with all their wirings, one after another."""
    cells = []
    for fault in chosen:
        for wiring, backend in fault.combinations():
            cell = asyncio.run(run(fault, wiring, backend, made, scale))
            done(cell)
            cells.append(cell)
    return cells


def told(cell: Cell) -> None:
    """Tell of a run that has ended."""
    failings = ", ".join(cell.failings) or "clean"
    name = f"{cell.fault.name}, {cell.wiring.name}, {cell.backend}"
    say(f"{cell.seconds:5.1f} s  {name}: {failings}  {dict(cell.counts)}")


def conditions(cells: Sequence[Cell], made: Engines, seconds: float) -> str:
    """Return what it takes to read the table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    used = ", ".join([*made.versions(), f"SQLite {sqlite3.sqlite_version}"])
    return (
        f"{len(cells)} runs in {seconds / 60:.1f} minutes on {datetime.now(UTC).date()}, "
        f"{os.cpu_count()} cores. {used}. Python {platform.python_version()}, {packages}."
    )


def main() -> None:
    """Run, print, write the page, and fail where the promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests; the page stays")
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", choices=names, action="append", help="these; the page stays")
    arguments = parser.parse_args()
    # What upstream and the drivers say of broken connections would drown the results.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    began = time.monotonic()
    chosen = [fault for fault in FAULTS if fault.name in (arguments.only or names)]
    with ExitStack() as stack:
        made = engines(stack)
        cells = run_all(chosen, QUICK if arguments.quick else FULL, made, told)
        run_under = conditions(cells, made, time.monotonic() - began)
    text = "\n\n".join((run_under, report.summary(cells), report.table(cells)))
    print(text)
    if not (arguments.quick or arguments.only):
        report.write(text)
        say(f"Written to {report.PAGE}")
    broken = [cell for cell in cells if cell.is_held_to_the_promise and cell.failings]
    for cell in broken:
        say(f"BROKEN: {cell.fault.name}, {cell.wiring.name}, {cell.backend}: {cell.failings}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
