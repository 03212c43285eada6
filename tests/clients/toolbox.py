"""The programs that make clients, installed once for each version of the files that name them."""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

__all__ = ("node_folder", "python_folder", "run")

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "clients"


async def run(*command: str | Path, folder: Path) -> None:
    """Run a program in a folder.

    Raises:
        AssertionError: It failed; with what it said.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def node_folder(*files: Path) -> Path:
    """Return a folder with `node_modules`, as `package.json` and its lock file say."""
    return await _installed(files, _npm)


async def python_folder(requirements: Path) -> Path:
    """Return a folder with `venv`, in which the requirements are installed."""
    return await _installed((requirements,), _pip)


async def _npm(folder: Path) -> None:
    await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)


async def _pip(folder: Path) -> None:
    wanted = ("--requirement", "requirements.txt")
    uv = shutil.which("uv")
    if uv is None:
        await run(sys.executable, "-m", "venv", "venv", folder=folder)
        await run("venv/bin/python", "-m", "pip", "install", *wanted, folder=folder)
    else:
        await run(uv, "venv", "--python", sys.executable, "venv", folder=folder)
        await run(uv, "pip", "install", "--python", "venv", *wanted, folder=folder)


async def _installed(files: tuple[Path, ...], install: Callable[[Path], Awaitable[None]]) -> Path:
    version = sha256(b"\0".join([sys.version.encode(), *(file.read_bytes() for file in files)]))
    folder = CACHE / f"{files[0].parent.name}-{version.hexdigest()[:16]}"
    complete = folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder)
        await install(folder)
        complete.touch()
    return folder
