"""Runs the blocks of one page, each as it is sent; a program of its own, started by `tests.pages`.

A line of JSON in (path, line, source), a line of JSON out: the traceback, or nothing.
"""

import json
import sys
import traceback
from types import ModuleType


def main() -> None:
    """Execute blocks in one module until there are no more."""
    page = sys.modules["page"] = ModuleType("page")
    replies, sys.stdout = sys.stdout, sys.stderr  # what a block prints is no reply
    for request in sys.stdin:
        path, line, source = json.loads(request)
        try:
            exec(compile("\n" * line + source, path, "exec"), vars(page))
        except BaseException:  # noqa: BLE001 - whatever ends the block is its outcome
            outcome = traceback.format_exc()
        else:
            outcome = ""
        replies.write(f"{json.dumps(outcome)}\n")
        replies.flush()


if __name__ == "__main__":
    main()
