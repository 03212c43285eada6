"""An application in a process of its own, served by Uvicorn, that can be ended in every way."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from tests.engines.process import free_port

__all__ = ("Uvicorn",)

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 20.0


class Uvicorn:
    """One server process, for as long as its `with` block.

    Args:
        application: Where it is, as `module:name`.
        environment: Beside that of the tests.
        grace: Seconds that requests at work have to end after SIGTERM.
    """

    def __init__(self, application: str, environment: Mapping[str, str], *, grace: int = 5) -> None:
        self._application = application
        self._environment = {**os.environ, **environment}
        self._grace = grace
        self.port = free_port()
        # A file, because a pipe that nobody reads would stop the server once it is full.
        self._log = TemporaryFile("w+")  # noqa: SIM115 - closed where the process is

    @property
    def log(self) -> str:
        """What it has said so far."""
        self._log.seek(0)
        return self._log.read()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        options = ["--port", str(self.port), "--timeout-graceful-shutdown", str(self._grace)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", self._application, *options],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self._log.close()

    def terminate(self) -> None:
        """Ask it to stop, as whoever deploys does."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it on the spot."""
        self._process.kill()
        self.wait()

    def wait(self, seconds: float = 20.0) -> int:
        """Wait for its end, and return what it ended with."""
        return self._process.wait(timeout=seconds)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.kill()
                raise RuntimeError(f"The server did not start:\n{self.log[-4000:]}")
            time.sleep(0.05)
