"""Upstream's tests, run as they are but for their import lines."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.upstream.fetch import unpack
from tests.upstream.patch import patched

__all__ = ("ASYNCPG_FILE", "Outcome", "run_suite")

ASYNCPG_FILE = "tests/integration/test_extensions/test_fastapi/test_asyncpg_lifecycle.py"
TARGETS = (
    "tests/unit/test_extensions/test_fastapi",
    "tests/unit/test_extensions/test_starlette.py",
    "tests/unit/test_extensions/test_starlette_listeners.py",
    ASYNCPG_FILE,
)
PARTS = (
    *TARGETS,
    "pyproject.toml",  # upstream's own settings for pytest
    "tests/__init__.py",
    "tests/unit/__init__.py",
    "tests/unit/test_extensions/__init__.py",
    "tests/unit/test_extensions/_listener_contract.py",
    "tests/integration/__init__.py",
    "tests/integration/test_extensions/__init__.py",
    "tests/integration/test_extensions/test_fastapi/__init__.py",
)
OPTIONS = (
    # Only the plugins that the tests use: one that is installed by chance could change them.
    *("-p", "anyio.pytest_plugin", "-p", "pytest_mock", "-p", "no:cacheprovider"),
    *("-o", "anyio_mode=auto", "-o", "junit_family=xunit1", "--junitxml=results.xml"),
)


class Outcome(NamedTuple):
    """How one test ended: `passed`, or else `failure`, `error` or `skipped`, and what it said."""

    result: str
    message: str


def run_suite(archive: Path, folder: Path, asyncpg_url: str | None) -> dict[str, Outcome]:
    """Run the tests in an empty folder.

    Args:
        archive: The source distribution.
        folder: Where to unpack and run them.
        asyncpg_url: A PostgreSQL database. Without one the tests that need it are skipped.

    Returns:
        The outcome of each test, by its id.
    """
    unpack(archive, PARTS, folder)
    for file in folder.rglob("*.py"):
        file.write_text(patched(file.read_text()))
    shutil.copy(Path(__file__).with_name("suite_conftest.py"), folder / "conftest.py")
    results = folder / "results.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *TARGETS],
        cwd=folder,
        env=_environment(asyncpg_url),
        capture_output=True,
        text=True,
        check=False,
    )
    # 0: all passed; 1: some failed. Everything else means that they did not all run.
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"Upstream's tests could not be run:\n{done.stdout}{done.stderr}")
    return dict(_outcome(case) for case in ET.parse(results).iter("testcase"))


def _environment(asyncpg_url: str | None) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and name != "UPSTREAM_ASYNCPG_URL"
    }
    database = {} if asyncpg_url is None else {"UPSTREAM_ASYNCPG_URL": asyncpg_url}
    return {**inherited, **database, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _outcome(case: ET.Element) -> tuple[str, Outcome]:
    name = f"{case.get('file')}::{case.get('name')}"
    for child in case:
        if child.tag in {"failure", "error", "skipped"}:
            return name, Outcome(child.tag, child.get("message", ""))
    return name, Outcome("passed", "")
