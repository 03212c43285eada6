"""The application in a process of its own: `python -m faults.serve ARGUMENTS`, as JSON."""

import json
import sys

import uvicorn

from faults.application import Settings, build
from faults.wirings import Wiring

__all__ = ("main",)


def main() -> None:
    """Serve until a signal ends it."""
    arguments = json.loads(sys.argv[1])
    app, _ = build(Wiring(**arguments["wiring"]), Settings(**arguments["settings"]))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=arguments["port"],
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
