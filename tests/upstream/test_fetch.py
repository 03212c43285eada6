"""Upstream's distribution is the published file, or there is none."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.upstream import fetch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache, and no index to fill it from."""
    monkeypatch.setattr(fetch, "CACHE", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path


def test_offline_without_a_copy_says_so(cache: Path) -> None:
    """With neither network nor cache the error names the release that is missing."""
    with pytest.raises(fetch.UnavailableError, match=rf"advanced-alchemy {fetch.VERSION}"):
        fetch.archive()
    assert list(cache.iterdir()) == []


def test_a_cached_copy_needs_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intact file in the cache is used as it is."""
    content = b"the published file"
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(content).hexdigest())
    file = cache / f"{fetch.ROOT}.tar.gz"
    file.write_bytes(content)
    assert fetch.archive() == file


def test_a_damaged_copy_is_not_used(cache: Path) -> None:
    """A file that differs from the published one is fetched again rather than trusted."""
    (cache / f"{fetch.ROOT}.tar.gz").write_bytes(b"half of it")
    with pytest.raises(fetch.UnavailableError):
        fetch.archive()


def test_another_file_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is offered under the same name and version, but with another hash, is refused."""
    index = cache / "index"
    index.mkdir()
    (index / f"{fetch.ROOT}.tar.gz").write_bytes(b"not the published file")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(fetch.UnavailableError, match="HASHES"):
        fetch.archive()
    assert not (cache / f"{fetch.ROOT}.tar.gz").exists()


def test_only_the_parts_asked_for_are_unpacked(tmp_path: Path) -> None:
    """`unpack` leaves out what lies beside the parts, and the folder they are packed in."""
    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        for name in ("tests/test_a.py", "tests_of_more/test_b.py", "setup.py"):
            tar.addfile(tarfile.TarInfo(f"{fetch.ROOT}/{name}"), io.BytesIO())
    fetch.unpack(packed, ("tests",), tmp_path / "to")
    files = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    assert files == [tmp_path / "to" / "tests" / "test_a.py"]
