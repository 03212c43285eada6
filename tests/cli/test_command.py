"""The `holdfast` command: how it is called, and what it exits with."""

import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

WITHOUT_EXTRA = """
import sys
sys.modules["click"] = sys.modules["rich_click"] = None
import holdfast.cli
holdfast.cli.main()
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python, and return what came of it."""
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_is_the_command() -> None:
    """Installing Holdfast installs `holdfast`."""
    (script,) = entry_points(group="console_scripts", name="holdfast")
    assert script.value == "holdfast.cli:main"


def test_the_installed_script_runs() -> None:
    """The script beside the interpreter answers, with the version."""
    done = subprocess.run(
        [Path(sys.executable).with_name("holdfast"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"holdfast {version('holdfast')}\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_the_commands(option: str) -> None:
    """Help names every command, and what the exit status means."""
    done = run("-m", "holdfast", option)
    assert done.returncode == 0
    assert "schemas" in done.stdout
    assert "Exits with 0" in done.stdout


def test_an_unknown_command_is_a_mistake() -> None:
    """What is no command ends with 2, and says so on standard error."""
    done = run("-m", "holdfast", "shemas")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'shemas'" in done.stderr


def test_colours_can_be_turned_off() -> None:
    """NO_COLOR is respected, also where colours are asked for."""
    coloured = run("-m", "holdfast", "--help", FORCE_COLOR="1", TERM="xterm-256color")
    plain = run("-m", "holdfast", "--help", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[1;36m" in coloured.stdout or "\x1b[36m" in coloured.stdout
    assert "\x1b[36" not in plain.stdout
    assert "\x1b[1;36" not in plain.stdout


def test_without_its_extra_it_says_what_to_install() -> None:
    """Where click is missing, the command names the extra that brings it."""
    done = run("-c", WITHOUT_EXTRA)
    assert done.returncode == 2
    assert done.stderr == "The holdfast command needs an extra: pip install 'holdfast[cli]'\n"


def test_help_loads_nothing_else() -> None:
    """A command's own imports wait until it runs."""
    code = (
        "import sys; sys.argv = ['holdfast', '--help']\n"
        "import holdfast.cli\n"
        "try: holdfast.cli.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = run("-c", code)
    assert {"advanced_alchemy", "fastapi", "pydantic", "sqlalchemy"} & set(
        done.stderr.split()
    ) == set()
