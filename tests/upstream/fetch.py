"""Upstream's source distribution: the one release whose tests and examples are run here."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

__all__ = ("VERSION", "UnavailableError", "archive", "unpack")

VERSION = "1.12.0"
SHA256 = "65d9349f91dc01327da93ece64a578c8942ce51425113116c0e28a94e6f34d4d"

ROOT = f"advanced_alchemy-{VERSION}"
CACHE = Path(__file__).parents[2] / ".cache" / "upstream"


class UnavailableError(Exception):
    """Raised when the distribution is neither cached nor to be had."""


def archive() -> Path:
    """Return the distribution's file, downloading it unless an intact copy is cached.

    Raises:
        UnavailableError: The index cannot be reached, or what it has is another file.
    """
    cached = CACHE / f"{ROOT}.tar.gz"
    if not is_intact(cached):
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _download(Path(folder))
            # Moved into place, so that a second run at the same time never sees half a file.
            Path(folder, cached.name).replace(cached)
    return cached


def is_intact(file: Path) -> bool:
    """Tell whether a file is there and is the published one."""
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == SHA256


def unpack(distribution: Path, parts: tuple[str, ...], folder: Path) -> None:
    """Unpack only what lies under some paths of the distribution, such as ``tests``."""
    with tarfile.open(distribution) as tar:
        for member in tar:
            path = PurePosixPath(member.name).relative_to(ROOT)
            if any(path.is_relative_to(part) for part in parts):
                member.name = str(path)
                tar.extract(member, folder, filter="data")


def _download(folder: Path) -> None:
    requirement = folder / "requirement.txt"
    requirement.write_text(f"advanced-alchemy=={VERSION} --hash=sha256:{SHA256}\n")
    # The hash is checked before anything in the file is used. Nothing is built, but pip wants the
    # metadata, for which it installs the build backend in a temporary environment of its own.
    done = subprocess.run(
        [
            *_pip(),
            *("download", "--quiet", "--no-deps", "--no-binary", "advanced-alchemy"),
            *("--retries", "1", "--require-hashes", "--requirement", requirement, "--dest", folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        errors = re.findall("^ERROR: (.*)", done.stderr, re.MULTILINE)
        reason = errors[0] if errors else done.stderr.strip()
        raise UnavailableError(f"the source of advanced-alchemy {VERSION} is missing: {reason}")


def _pip() -> list[str]:
    # An environment made by uv has no pip of its own.
    if find_spec("pip") is None and (uv := shutil.which("uv")):
        return [uv, "tool", "run", "pip"]
    return [sys.executable, "-m", "pip"]
