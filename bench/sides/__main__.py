"""A process that is measured: ``python -m bench.sides serve|direct MODULE``.

It says hello with one line of JSON. ``serve`` then answers HTTP until SIGTERM. ``direct`` calls the
application without any server: for each line of JSON it reads it performs that many requests and
writes what they cost.
"""

import asyncio
import importlib
import json
import platform
import socket
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import uvicorn
import uvloop

from bench.operations import OPERATIONS
from bench.sides.direct import measure, running

PACKAGES = (
    *("holdfast", "advanced-alchemy", "fastapi", "starlette", "pydantic", "sqlalchemy"),
    *("asyncpg", "aiosqlite", "orjson", "uvicorn", "uvloop", "httptools"),
)


class Server(uvicorn.Server):
    """A server that says hello once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say hello."""
        await super().startup(sockets=sockets)
        port = sockets[0].getsockname()[1] if sockets else None
        write({"port": port, "versions": versions()})


def write(line: dict[str, Any]) -> None:
    """Write a line of JSON at once."""
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def versions() -> dict[str, str]:
    """Return the version of everything installed that could make a difference."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


async def serve(app: Any) -> None:
    """Answer HTTP on a free port."""
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await Server(config).serve(sockets=[listener])


async def direct(app: Any) -> None:
    """Perform what standard input asks for, until it ends."""
    streams = {operation.name: operation.requests() for operation in OPERATIONS}
    statuses = {operation.name: operation.status for operation in OPERATIONS}
    async with running(app):
        write({"versions": versions()})
        # Reading blocks the loop, which has nothing else to do.
        for line in sys.stdin:
            order = json.loads(line)
            name = order["operation"]
            write(await measure(app, streams[name], statuses[name], order["requests"]))


def main() -> None:
    """Run one mode over one application."""
    mode, module = sys.argv[1:]
    run = {"serve": serve, "direct": direct}[mode]
    app = importlib.import_module(module).app
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(app))


if __name__ == "__main__":
    main()
