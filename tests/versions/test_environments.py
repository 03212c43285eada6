"""An environment of a run is made anew when what is declared has changed, and only then."""

import os
import sys
from pathlib import Path

import pytest

from tests.versions.__main__ import make_test, newest_declaration
from tests.versions.interpreters import Interpreter

PYTHON = Interpreter(sys.version_info[:3], Path(sys.executable))


@pytest.mark.parametrize(("age", "kept"), [(1, False), (-1, True)])
def test_an_environment_is_as_new_as_what_is_declared(
    tmp_path: Path, age: int, *, kept: bool
) -> None:
    """One that was installed before the last change is removed, a later one stays."""
    environment = tmp_path / "environment"
    environment.mkdir()
    stamp = environment / ".dev"
    stamp.touch()
    moment = newest_declaration() - age
    os.utime(stamp, (moment, moment))
    make_test(environment, PYTHON, [])
    assert environment.exists() == kept


def test_an_environment_that_was_never_finished_is_removed(tmp_path: Path) -> None:
    """Half an installation, as an interrupted one leaves, is not built upon."""
    environment = tmp_path / "environment"
    environment.mkdir()
    make_test(environment, PYTHON, [])
    assert not environment.exists()
