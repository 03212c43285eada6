"""The Pythons of this machine: on the PATH, under pyenv and under uv."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = ("OLDEST", "Interpreter", "Search", "find")

OLDEST = (3, 11)
NAME = re.compile(r"python3\.(\d+)")
PROBE = """
import json, sys, sysconfig
missing = []
for name in ("ensurepip", "sqlite3", "ssl"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
build = sysconfig.get_config_var("Py_GIL_DISABLED") and "free-threaded"
if sys.version_info.releaselevel != "final":
    build = "a pre-release"
print(json.dumps([sys.version_info[:3], build or "", missing]))
"""


@dataclass(frozen=True, order=True)
class Interpreter:
    """A Python that can run the suite."""

    version: tuple[int, int, int]
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


class Search(NamedTuple):
    """The newest patch release of each Python, and why others of its kind do not do."""

    found: list[Interpreter]
    passed_over: dict[Path, str]


def find() -> Search:
    """Look for every Python from 3.11 up."""
    found: dict[tuple[int, int], Interpreter] = {}
    passed_over: dict[Path, str] = {}
    for path in sorted(set(_candidates())):
        try:
            interpreter = _probe(path)
        except ValueError as error:
            passed_over[path] = str(error)
            continue
        minor = interpreter.version[:2]
        found[minor] = max(interpreter, found.get(minor, interpreter))
    return Search(sorted(found.values()), passed_over)


def _candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [
        Path(sys.base_prefix, "bin"),
        *map(Path, os.get_exec_path()),
        *pyenv.glob("versions/*/bin"),
    ]
    files = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    for file in [*files, *_known_to_uv()]:
        name = NAME.fullmatch(file.name)
        if name and (3, int(name[1])) >= OLDEST and os.access(file, os.X_OK):
            # Where it leads, because an environment's Python is a link to the one it was made of.
            yield file.resolve()


def _known_to_uv() -> list[Path]:
    uv = shutil.which("uv")
    if uv is None:
        return []
    command = [uv, "python", "list", "--only-installed", "--output-format", "json"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return [Path(entry["path"]) for entry in json.loads(listed.stdout or "[]")]


def _probe(path: Path) -> Interpreter:
    """Run a Python.

    Raises:
        ValueError: The suite cannot run on it.
    """
    try:
        ran = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"does not run: {error}") from error
    if ran.returncode != 0:
        raise ValueError(f"does not run: {(ran.stderr.strip() or 'no output').splitlines()[0]}")
    version, build, missing = json.loads(ran.stdout)
    if build:
        raise ValueError(f"is {build}")
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    return Interpreter(tuple(version), path)
