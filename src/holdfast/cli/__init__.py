"""The ``holdfast`` command, with one module for each of its commands.

What it exits with:

    0   it is done, and there is nothing to report
    1   it is done, and there are findings
    2   it could not run: what was asked for is wrong, and standard error says how
"""

import sys
from importlib.util import find_spec

__all__ = ("main",)

MISSING = "The holdfast command needs an extra: pip install 'holdfast[cli]'"


def main() -> None:
    """Run the command line."""
    if find_spec("rich_click") is None:
        sys.stderr.write(f"{MISSING}\n")
        raise SystemExit(2)
    from holdfast.cli.commands import holdfast

    holdfast(prog_name="holdfast")
