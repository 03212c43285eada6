"""What `pyproject.toml` says about versions: the lowest of each library, and the Pythons."""

import re
import tomllib
from functools import cache
from typing import Any

from tests.source import ROOT

__all__ = ("lowest_versions", "pythons", "requirements")

REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(\[[\w,-]+\])?>=(?P<lowest>[\d.]+)(?P<left_out>(,!=[\d.]+)*)"
)
CLASSIFIER = re.compile(r"Programming Language :: Python :: (3)\.(\d+)")


@cache
def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def requirements() -> list[str]:
    """Return what users are asked for: the dependencies, and those of the extras."""
    extras: dict[str, list[str]] = _project()["optional-dependencies"]
    return [*_project()["dependencies"], *(line for lines in extras.values() for line in lines)]


def lowest_versions() -> dict[str, str]:
    """Return the lowest version of each required library.

    Raises:
        ValueError: One has no lowest version, or two.
    """
    lowest: dict[str, str] = {}
    for line in requirements():
        parsed = REQUIREMENT.fullmatch(line)
        if parsed is None:
            raise ValueError(f"`{line}` is not `name>=lowest`, with versions left out or without")
        name, version = parsed["name"], parsed["lowest"]
        if lowest.setdefault(name, version) != version:
            raise ValueError(f"{name} has two lowest versions: {lowest[name]} and {version}")
    return lowest


def pythons() -> list[tuple[int, int]]:
    """Return the versions of Python that the classifiers name."""
    matches = map(CLASSIFIER.fullmatch, _project()["classifiers"])
    return sorted((int(found[1]), int(found[2])) for found in matches if found)
