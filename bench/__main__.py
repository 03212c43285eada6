"""Measures Holdfast beside upstream's extension, a bare session maker and the ceiling."""

import argparse
import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench.agreement import check_agreement
from bench.databases import CONNECTIONS, ENGINES, databases
from bench.environments import ROOT, prepare
from bench.report import table
from bench.rounds import Cell, Plan, measure
from bench.workers import Mode, start

RESULTS = ROOT / "bench" / "results" / "latest.json"
FULL = Plan(rounds=7, serve=1.2, direct=0.4)
QUICK = Plan(rounds=3, serve=0.4, direct=0.12)
MODES: tuple[Mode, ...] = ("serve", "direct")


def say(text: str) -> None:
    """Tell what is under way, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def run(engines: list[str], plan: Plan) -> dict[str, Any]:
    """Measure everything.

    Args:
        engines: On which engines.
        plan: How long.

    Returns:
        The results, as they are written to the file.
    """
    pythons = prepare()
    began = time.monotonic()
    cells: list[Cell] = []
    versions: dict[str, dict[str, str]] = {}
    engine_versions: dict[str, str] = {}
    load = os.getloadavg()[0]
    for engine in engines:
        with databases(engine) as running:
            engine_versions[engine] = running.version
            for mode in MODES:
                with start(mode, engine, pythons, running) as workers:
                    versions |= {worker.side.name: worker.versions for worker in workers}
                    if mode == "serve":
                        check_agreement(workers)
                    cells += asyncio.run(measure(mode, engine, workers, plan, say))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "connections": CONNECTIONS,
        "rounds": plan.rounds,
        "engines": engine_versions,
        "versions": versions,
        "cells": cells,
    }


def show(results: dict[str, Any]) -> None:
    """Print the table and what it takes to read it."""
    cells: list[Cell] = results["cells"]
    shares = [share for cell in cells for share in cell.generator]
    print(table(cells, results["versions"], results["engines"]))
    print(
        f"\nMedians (lowest-highest) of {results['rounds']} alternating rounds, "
        f"{results['connections']} keep-alive connections, one process each, "
        f"{results['cores']} cores, load {results['load_before']} before the start, "
        f"{results['date']}, {results['minutes']} minutes. "
        f"The load generator used {median(shares):.0%} of a core, at most {max(shares):.0%}. "
        '"Alone" is one request at a time without a server: CPU of the process itself.'
    )


def main() -> None:
    """Measure, print, and write the results to a file."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few short rounds: a rough idea")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only on this engine")
    arguments = parser.parse_args()
    results = run(arguments.engine or list(ENGINES), QUICK if arguments.quick else FULL)
    show(results)
    plain = {**results, "cells": [cell.as_json() for cell in results["cells"]]}
    RESULTS.write_text(f"{json.dumps(plain, indent=1)}\n")
    say(f"Written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
