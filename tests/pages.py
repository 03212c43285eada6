"""Executes the Python blocks of a page: one page, one program, in an empty folder.

In an interpreter of its own, so that the models of one page are not in the registry of the next.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example

__all__ = ("close_page", "open_page", "run_block")

INTERPRETER = Path(__file__).with_name("page_interpreter.py")
WARNINGS = ("error", "ignore:The declarative_mixin decorator:DeprecationWarning")
KEY = "page"


class Page:
    """One page while its blocks are run, in order."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        options = [part for warning in WARNINGS for part in ("-W", warning)]
        self._process = subprocess.Popen(
            [sys.executable, *options, INTERPRETER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
        )

    def run(self, path: str, line: int, source: str) -> str:
        """Run a block that begins on a line of its page, and return its traceback, if any."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps([path, line, source])}\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline()
        return str(json.loads(reply)) if reply else "The block ended the interpreter."

    def close(self) -> None:
        """End the interpreter and remove what the page has written."""
        with self._process:
            self._process.kill()
        self._folder.cleanup()


def open_page(namespace: dict[str, Any]) -> None:
    """Start the interpreter of a page."""
    namespace[KEY] = Page()


def close_page(namespace: dict[str, Any]) -> None:
    """End the interpreter of a page."""
    namespace.pop(KEY).close()


def run_block(example: Example) -> str:
    """Run one block, and return what is wrong with it."""
    page: Page = example.namespace[KEY]
    return page.run(example.path, example.line + example.parsed.line_offset, example.parsed)
