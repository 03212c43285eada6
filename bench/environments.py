"""One environment for each side, equal in every version but FastAPI's.

Upstream's ``provide_filters`` fails at import on a FastAPI newer than 0.136.3, so its side gets
that one; everything else is installed in the versions that Holdfast's side got.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

__all__ = ("ROOT", "prepare")

ROOT = Path(__file__).resolve().parent.parent
NEWEST_FOR_UPSTREAM = "fastapi==0.136.3"

_FOLDER = ROOT / ".cache" / "bench"
_LIST_VERSIONS = """
import importlib.metadata, json
print(json.dumps({d.name: d.version for d in importlib.metadata.distributions()}))
"""


def prepare() -> dict[str, Path]:
    """Make the environments that are missing or out of date.

    Returns:
        The interpreter of each, by name: ``holdfast`` and ``upstream``.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["bench"]]
    holdfast = _environment("holdfast", ["--editable", str(ROOT), *wanted])
    upstream = _environment("upstream", [NEWEST_FOR_UPSTREAM, *_pins(holdfast)])
    return {"holdfast": holdfast, "upstream": upstream}


def _environment(name: str, arguments: list[str]) -> Path:
    folder = _FOLDER / name
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    content = "\n".join([sys.version, *arguments])
    if not stamp.exists() or stamp.read_text() != content:
        print(f"Preparing {folder.relative_to(ROOT)}...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, python, arguments)
        stamp.write_text(content)
    return python


def _install(folder: Path, python: Path, arguments: list[str]) -> None:
    _run(sys.executable, "-m", "venv", str(folder))
    options = ["--quiet", "--disable-pip-version-check"]
    _run(str(python), "-m", "pip", "install", *options, *arguments)


def _pins(python: Path) -> list[str]:
    versions: dict[str, str] = json.loads(_run(str(python), "-c", _LIST_VERSIONS))
    others = sorted(versions.keys() - {"holdfast", "fastapi", "pip", "setuptools"})
    return [f"{name}=={versions[name]}" for name in others]


def _run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return done.stdout
