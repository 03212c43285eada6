"""Every Python of a machine is found, and what cannot run the suite says why."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.versions import interpreters
from tests.versions.__main__ import not_run
from tests.versions.interpreters import Search


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is the whole PATH, on a machine without pyenv."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    return tmp_path.resolve()


def put(
    file: Path, version: tuple[int, int, int], build: str = "", missing: tuple[str, ...] = ()
) -> None:
    """Put an executable somewhere that answers as a Python of this version would."""
    file.parent.mkdir(exist_ok=True)
    answer = json.dumps([version, build, missing])
    file.write_text(f"#!/bin/sh\necho {shlex.quote(answer)}\n")
    file.chmod(0o755)


def versions(search: Search) -> list[str]:
    """Return what was found, but for the Python that runs this test."""
    running = sys.version_info[:2]
    return [str(found) for found in search.found if found.version[:2] != running]


def test_the_running_python_is_found(folder: Path) -> None:
    """Even where it is not on the PATH: an environment knows what it was made of."""
    found = [interpreter.version for interpreter in interpreters.find().found]
    assert sys.version_info[:3] in found


def test_a_python_of_pyenv_is_found(folder: Path) -> None:
    """It need not be on the PATH."""
    (folder / "none/versions/3.98.0").mkdir(parents=True)
    put(folder / "none/versions/3.98.0/bin/python3.98", (3, 98, 0))
    assert versions(interpreters.find()) == ["3.98.0"]


def test_the_newest_patch_release_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two with the same minor version one is enough."""
    monkeypatch.setenv("PATH", f"{folder}/a:{folder}/b:{folder}/c")
    for name, patch in (("a", 9), ("b", 10), ("c", 2)):
        put(folder / name / "python3.98", (3, 98, patch))
    assert versions(interpreters.find()) == ["3.98.10"]


@pytest.mark.parametrize("name", ["python3.10", "python3", "python2.7", "python3.98t", "pypy3.98"])
def test_others_are_not_looked_at(folder: Path, name: str) -> None:
    """Holdfast does not run on what is older, and neither does the suite on other builds."""
    put(folder / name, (3, 98, 0))
    search = interpreters.find()
    assert (versions(search), search.passed_over) == ([], {})


@pytest.mark.parametrize(
    ("build", "missing", "why"),
    [
        ("a pre-release", (), "is a pre-release"),
        ("free-threaded", (), "is free-threaded"),
        ("", ("ensurepip", "sqlite3"), "lacks ensurepip, sqlite3"),
    ],
)
def test_what_cannot_run_the_suite_says_why(
    folder: Path, build: str, missing: tuple[str, ...], why: str
) -> None:
    """It is passed over, and the end of the run names it with the reason."""
    put(folder / "python3.98", (3, 98, 0), build, missing)
    search = interpreters.find()
    assert versions(search) == []
    assert f"{folder / 'python3.98'} {why}" in not_run(search)


def test_what_does_not_run_says_why(folder: Path) -> None:
    """As a shim of pyenv, for a version that is not active, which prints that and exits."""
    shim = folder / "python3.98"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.98: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    search = interpreters.find()
    assert search.passed_over == {shim: "does not run: pyenv: python3.98: command not found"}


def test_a_shim_is_not_mentioned_where_the_version_was_found(folder: Path) -> None:
    """What did not run is of no interest once another of its kind did."""
    broken = folder / f"python3.{sys.version_info[1]}"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    search = interpreters.find()
    assert list(search.passed_over) == [broken]
    assert not any(str(broken) in line for line in not_run(search))


def test_a_classifier_without_its_python_is_mentioned() -> None:
    """Whoever reads the summary sees what the run does not stand for."""
    assert "Python 3.11: not found" in not_run(Search([], {}))
