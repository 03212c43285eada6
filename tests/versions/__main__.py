"""Runs the suite on the lowest versions, or on every Python, each in an environment of its own.

The environments are in `.cache/versions`, and are made anew when `pyproject.toml` has changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.source import ROOT
from tests.versions import declared, interpreters
from tests.versions.interpreters import Interpreter, Search

CACHE = ROOT / ".cache" / "versions"
NONE_FOUND = "No Python from 3.11 up is on the PATH, under pyenv or under uv. Install one."


def main() -> int:
    """Do what the command line asks for, and return the exit status."""
    search = interpreters.find()
    if not search.found:
        print(NONE_FOUND, file=sys.stderr)
        return 2
    match sys.argv[1:]:
        case ["lowest"]:
            return run_on_lowest_versions(search.found[0])
        case ["pythons"]:
            return run_on_every_python(search)
    print("Ask for `lowest` or for `pythons`.", file=sys.stderr)
    return 2


def run_on_lowest_versions(interpreter: Interpreter) -> int:
    """Run on the lowest versions, and on the lowest Python."""
    CACHE.mkdir(parents=True, exist_ok=True)
    constraints = CACHE / "lowest.txt"
    lines = [f"{name}=={version}\n" for name, version in declared.lowest_versions().items()]
    constraints.write_text("".join(lines))
    print(f"Python {interpreter}, {', '.join(line.strip() for line in lines)}", flush=True)
    options = [f"CONSTRAINTS={constraints}", f"TESTS={os.environ.get('TESTS', '')}"]
    return subprocess.run(
        make_test(CACHE / f"lowest-{interpreter}", interpreter, options),
        cwd=ROOT,
        env={**environment(), "HOLDFAST_VERSIONS": "lowest"},
        check=False,
    ).returncode


def run_on_every_python(search: Search) -> int:
    """Run on the newest versions on each Python, and sum up at the end."""
    summary: list[str] = []
    failures = 0
    for interpreter in search.found:
        print(f"\nPython {interpreter}, {interpreter.path}", flush=True)
        status, result = echoed(make_test(CACHE / str(interpreter), interpreter, []))
        failures += status != 0
        summary.append(f"Python {interpreter}: {result}")
    print("\n", *summary, *not_run(search), sep="\n")
    return min(failures, 1)


def not_run(search: Search) -> list[str]:
    """Say which Pythons would have been of interest."""
    found = {interpreter.version[:2] for interpreter in search.found}
    missing = [f"Python {x}.{y}: not found" for x, y in declared.pythons() if (x, y) not in found]
    names = {f"python{x}.{y}" for x, y in found}
    others = [f"{path} {why}" for path, why in search.passed_over.items() if path.name not in names]
    return [*missing, *others]


def make_test(folder: Path, interpreter: Interpreter, options: list[str]) -> list[str]:
    """Return the command that runs the suite in an environment, having removed an old one."""
    installed = folder / ".dev"
    if not installed.exists() or installed.stat().st_mtime < newest_declaration():
        shutil.rmtree(folder, ignore_errors=True)
    make = os.environ.get("MAKE", "make")
    return [make, "test", f"VENV={folder}", f"PYTHON={interpreter.path}", *options]


def newest_declaration() -> float:
    """Return when last something changed that decides what is installed."""
    files = [ROOT / "pyproject.toml", ROOT / "Makefile"]
    return max(file.stat().st_mtime for file in files)


def environment() -> dict[str, str]:
    """Return the environment without what another `make` has left in it."""
    left = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
    return {name: value for name, value in os.environ.items() if name not in left}


def echoed(command: list[str]) -> tuple[int, str]:
    """Run a command, show what it prints, and return its status and its last line."""
    last = "it printed nothing"
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip(" =\n") or last
    return process.returncode, last


if __name__ == "__main__":
    sys.exit(main())
