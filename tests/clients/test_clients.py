"""Clients generated from the example's document create, page, change with an ETag, and delete."""

import importlib
import json
import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from fastapi import FastAPI

from holdfast.testing import client
from tests.clients.toolbox import node_folder, python_folder, run
from tests.conftest import require
from tests.hostile.wire import served

TYPESCRIPT = Path(__file__).parent / "typescript"
PYTHON = Path(__file__).parent / "python"

# The first run installs what makes clients.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """Give the example, on an empty database."""
    monkeypatch.setenv("AIRPORTS_URL", f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite'}")
    monkeypatch.delitem(sys.modules, "examples.airports.app", raising=False)
    example: FastAPI = importlib.import_module("examples.airports.app").app
    return example


@pytest.fixture
def document(app: FastAPI, tmp_path: Path) -> Path:
    """Give its document, as a file."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(app.openapi()))
    return file


@pytest.fixture
async def url(app: FastAPI) -> AsyncGenerator[str]:
    """Serve it, and give its address."""
    async with client(app), served(app, "httptools") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def node(pytestconfig: pytest.Config) -> None:
    """Make sure that there is Node.js."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        require(pytestconfig, "Node.js")


async def test_a_client_in_typescript(node: None, document: Path, url: str) -> None:
    """Its types are those of the document, by the compiler; what it does goes as they say."""
    folder = await node_folder(TYPESCRIPT / "package.json", TYPESCRIPT / "package-lock.json")
    for file in ("client.ts", "tsconfig.json"):
        shutil.copy(TYPESCRIPT / file, folder)
    programs = folder / "node_modules" / ".bin"
    await run(programs / "openapi-typescript", document, "-o", "airports.d.ts", folder=folder)
    await run(programs / "tsc", folder=folder)
    await run("node", "made/client.js", url, folder=folder)


async def test_a_client_in_python(document: Path, url: str, tmp_path: Path) -> None:
    """Every operation has a function, without a warning, and what it returns is parsed."""
    folder = await python_folder(PYTHON / "requirements.txt")
    programs = folder / "venv" / "bin"
    settings = tmp_path / "settings.yml"
    settings.write_text("package_name_override: airports_client\npost_hooks: []\n")
    await run(
        programs / "openapi-python-client",
        *("generate", "--path", document, "--meta", "none", "--fail-on-warning"),
        *("--output-path", "airports_client", "--config", settings),
        folder=tmp_path,
    )
    shutil.copy(PYTHON / "client.py", tmp_path)
    await run(programs / "python", "-W", "error", "client.py", url, folder=tmp_path)


def test_the_lock_file_names_no_place() -> None:
    """What is installed comes from wherever the reader's npm takes packages from."""
    packages = json.loads((TYPESCRIPT / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert all("integrity" in package for name, package in packages.items() if name)
