"""Upstream's examples run with the import changed."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.upstream.fetch import unpack
from tests.upstream.object_store import ObjectStore, object_store
from tests.upstream.patch import patched

Talk = Callable[..., list[tuple[int, Any]]]

DRIVER = Path(__file__).with_name("drive_example.py")
WITH_COMMANDS = ("fastapi_filters", "fastapi_service", "fastapi_service_full")
# Errors, but for the one that Advanced Alchemy causes.
WARNINGS = ("-W", "error", "-W", "ignore:The declarative_mixin decorator")
ADA = {"name": "Ada", "dob": "1815-12-10"}


@pytest.fixture
def examples(upstream_archive: Path, tmp_path: Path) -> Path:
    """Give the folder of the examples, their imports changed."""
    unpack(upstream_archive, ("examples/fastapi",), tmp_path)
    folder = tmp_path / "examples" / "fastapi"
    for file in folder.glob("*.py"):
        file.write_text(patched(file.read_text()))
    return folder


@pytest.fixture
def talk(examples: Path) -> Talk:
    """Give a function that drives an example; its database is `test.sqlite` beside it."""

    def run(example: str, *requests: dict[str, Any]) -> list[tuple[int, Any]]:
        answers = _run(examples, DRIVER, f"{example}.py", stdin=json.dumps(requests))
        return [(status, body) for status, body in json.loads(answers)]

    return run


@pytest.fixture
def store(examples: Path) -> Generator[ObjectStore]:
    """Give the storage service that an example expects on a fixed port, on a free one."""
    with object_store() as running:
        file = examples / "fastapi_fileobject.py"
        source = file.read_text()
        assert "http://localhost:9000" in source
        file.write_text(source.replace("http://localhost:9000", running.url))
        yield running


def _run(folder: Path, *command: str | Path, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-P", *WARNINGS, *command],
        input=stdin,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rows(examples: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(examples / "test.sqlite")) as database, database:
        return database.execute(statement).fetchall()


def test_no_example_is_left_out(examples: Path) -> None:
    """Every example that upstream has for FastAPI is driven here."""
    files = {file.stem for file in examples.glob("*.py")} - {"__init__"}
    assert files == {*WITH_COMMANDS, "fastapi_fileobject"}


def test_the_service_example_serves_authors(talk: Talk, examples: Path) -> None:
    """`fastapi_service` creates, lists, reads, updates and deletes an author."""
    created, listed, read, updated, deleted, empty = talk(
        "fastapi_service",
        {"method": "POST", "url": "/authors", "json": ADA},
        {"method": "GET", "url": "/authors?searchString=ad&searchIgnoreCase=true"},
        {"method": "GET", "url": "/authors/{id}"},
        {"method": "PATCH", "url": "/authors/{id}", "json": {**ADA, "name": "Ada Lovelace"}},
        {"method": "DELETE", "url": "/authors/{id}"},
        {"method": "GET", "url": "/authors"},
    )
    author = {**ADA, "id": created[1]["id"]}
    assert created == (200, author)
    assert listed == (200, {"items": [author], "limit": 20, "offset": 0, "total": 1})
    assert read == (200, author)
    assert updated == (200, {**author, "name": "Ada Lovelace"})
    assert deleted == (200, None)
    assert empty == (200, {"items": [], "limit": 20, "offset": 0, "total": 0})
    assert _rows(examples, "SELECT * FROM author") == []


def test_the_service_example_commits_to_its_file(talk: Talk, examples: Path) -> None:
    """What `fastapi_service` acknowledged is in the file once its process has ended."""
    talk("fastapi_service", {"method": "POST", "url": "/authors", "json": ADA})
    assert _rows(examples, "SELECT name, dob FROM author") == [("Ada", "1815-12-10")]


def test_the_full_example_serves_authors_with_their_books(talk: Talk, examples: Path) -> None:
    """`fastapi_service_full` writes books with their author, and deletes them with it."""
    created, listed, read, updated, deleted = talk(
        "fastapi_service_full",
        {"method": "POST", "url": "/authors", "json": {**ADA, "books": ["Notes", "Letters"]}},
        {"method": "GET", "url": "/authors"},
        {"method": "GET", "url": "/authors/{id}"},
        {"method": "PATCH", "url": "/authors/{id}", "json": {"name": "Ada Lovelace"}},
        {"method": "DELETE", "url": "/authors/{id}"},
    )
    author = created[1]
    assert created[0] == 200
    assert {book["title"] for book in author["books"]} == {"Notes", "Letters"}
    assert listed == (200, {"items": [author], "limit": 20, "offset": 0, "total": 1})
    assert read == (200, author)
    assert updated == (200, {**author, "name": "Ada Lovelace"})
    assert deleted == (200, None)
    assert _rows(examples, "SELECT id FROM author UNION SELECT id FROM book") == []


def test_the_filters_example_lists_authors(talk: Talk, examples: Path) -> None:
    """`fastapi_filters`, whose filters crash upstream today, lists and searches."""
    talk("fastapi_filters")
    author_id = uuid4()
    _rows(examples, f"INSERT INTO author (id, name) VALUES (X'{author_id.hex}', 'Ada')")
    found, missed = talk(
        "fastapi_filters",
        {"method": "GET", "url": "/authors?searchString=da&pageSize=5"},
        {"method": "GET", "url": f"/authors?ids={uuid4()}"},
    )
    author = {"id": str(author_id), "name": "Ada", "dob": None}
    assert found == (200, {"items": [author], "limit": 5, "offset": 0, "total": 1})
    assert missed == (200, {"items": [], "limit": 20, "offset": 0, "total": 0})


def test_the_file_example_serves_documents(talk: Talk, store: ObjectStore, examples: Path) -> None:
    """`fastapi_fileobject` creates, lists, reads and updates a document, and stores its file."""
    created, listed, read, updated = talk(
        "fastapi_fileobject",
        {
            "method": "POST",
            "url": "/documents",
            "data": {"name": "Notes"},
            "files": {"file": ("a.txt", "On the engine")},
        },
        {"method": "GET", "url": "/documents"},
        {"method": "GET", "url": "/documents/{id}"},
        {"method": "PATCH", "url": "/documents/{id}", "data": {"name": "Letters"}},
    )
    assert created[0] == 200
    assert created[1]["file_url"].startswith(f"{store.url}/static-files/a.txt?")
    assert listed[1]["total"] == 1
    assert read[1]["name"] == "Notes"
    assert updated[1]["name"] == "Letters"
    assert _rows(examples, "SELECT name FROM document") == [("Letters",)]
    assert store.objects == {"/static-files/a.txt": b"On the engine"}


def test_the_file_example_deletes_the_file_with_its_document(
    talk: Talk, store: ObjectStore, examples: Path
) -> None:
    """`fastapi_fileobject` deletes a document, and its file after it."""
    upload = {"data": {"name": "Notes"}, "files": {"file": ("a.txt", "On the engine")}}
    created = talk("fastapi_fileobject", {"method": "POST", "url": "/documents", **upload})
    document = created[0][1]["id"]
    deleted = talk("fastapi_fileobject", {"method": "DELETE", "url": f"/documents/{document}"})
    assert deleted == [(200, None)]
    assert _rows(examples, "SELECT id FROM document") == []
    assert store.objects == {}


@pytest.mark.parametrize("example", WITH_COMMANDS)
def test_the_examples_have_the_database_commands(examples: Path, example: str) -> None:
    """Run as a program, an example is FastAPI's command line with upstream's commands in it."""
    shown = _run(examples, f"{example}.py", "database", "--help")
    assert "make-migrations" in shown
    assert "upgrade" in shown
