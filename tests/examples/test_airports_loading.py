"""The data of `examples.airports`, and the file that it is kept in."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Timer
from types import ModuleType

import pytest

from examples.airports.loading import Row, load, read_airports, read_countries
from examples.airports.storage import DATA_VERSION, StartupError, State, prepare
from holdfast.testing import count_statements
from tests.examples.conftest import Query


def test_every_airport_is_read() -> None:
    """Each airport of the source becomes one row, and each row's country is among the countries."""
    airports = read_airports()
    assert len({row["icao"] for row in airports}) == len(airports) == 28_298
    known = {row["code"] for row in read_countries(airports)}
    assert {row["country_code"] for row in airports} <= known


def test_countries_beyond_iso_have_names(sample: list[Row]) -> None:
    """Kosovo is named, and so is whatever code the source may come to use."""
    names = {row["code"]: row["name"] for row in read_countries([*sample, {"country_code": "QQ"}])}
    assert (names["XK"], names["QQ"]) == ("Kosovo", "Unlisted country QQ")


async def test_a_load_is_complete(
    service: ModuleType, database: Path, sample: list[Row], query: Query
) -> None:
    """A new file says that it waits for a load, and after the load that it has had one."""
    assert prepare(database) is State.NEW
    await load(service.alchemy, sample)
    assert prepare(database) is State.LOADED
    assert query("SELECT count(*) FROM airport") == [(85,)]


async def test_a_batch_is_one_statement(service: ModuleType, sample: list[Row]) -> None:
    """Airports go in a batch at a time, whichever of their columns are empty."""
    with count_statements(service.alchemy) as statements:
        await load(service.alchemy, sample)
    assert len([sql for sql in statements if sql.startswith("INSERT INTO airport")]) == 1


async def test_a_load_cut_short_keeps_nothing(
    service: ModuleType, database: Path, sample: list[Row], query: Query
) -> None:
    """A load that ends half-way leaves no airport, is recognised, and the next one completes."""
    prepare(database)

    def stop(_batch: int) -> None:
        raise EOFError

    with pytest.raises(EOFError):
        await load(service.alchemy, sample, stop)
    assert prepare(database) is State.INTERRUPTED
    assert query("SELECT name FROM sqlite_schema") == []
    await load(service.alchemy, sample)
    assert prepare(database) is State.LOADED
    assert query("SELECT count(*) FROM airport") == [(85,)]


async def test_a_load_starts_from_empty_tables(
    service: ModuleType, database: Path, sample: list[Row], query: Query
) -> None:
    """Rows in a database that is not marked as loaded do not stop the load."""
    await load(service.alchemy, sample[:10])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 0")
    await load(service.alchemy, sample)
    assert query("SELECT count(*) FROM airport") == [(85,)]


async def test_a_second_load_changes_nothing(
    service: ModuleType, sample: list[Row], query: Query
) -> None:
    """What was changed since the first load is not loaded over."""
    await load(service.alchemy, sample[:10])
    await load(service.alchemy, sample)
    assert query("SELECT count(*) FROM airport") == [(10,)]


def test_a_load_of_another_process_is_waited_for(database: Path) -> None:
    """A start in the middle of another's load finds the loaded database, not an unfinished one."""
    prepare(database)
    with closing(sqlite3.connect(database, check_same_thread=False)) as loading:
        loading.execute("BEGIN IMMEDIATE")
        loading.execute(f"PRAGMA user_version = {DATA_VERSION}")
        end = Timer(0.2, loading.commit)
        end.start()
        assert prepare(database) is State.LOADED
        end.join()


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)


def make_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Airports of the world\n" * 100)


def make_foreign(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY)")


def make_other_application(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 4711")


def make_damaged(path: Path) -> None:
    prepare(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE airport (name TEXT)")
        connection.executemany("INSERT INTO airport VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"x" * 4096)


def make_other_version(path: Path) -> None:
    prepare(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def make_parent_a_file(path: Path) -> None:
    path.parent.write_text("no folder")


@pytest.mark.parametrize(
    ("make", "problem", "remedy"),
    [
        (make_folder, "is a folder", "AIRPORTS_DB"),
        (make_text, "not a SQLite database", "AIRPORTS_DB"),
        (make_foreign, "did not make", "AIRPORTS_DB"),
        (make_other_application, "did not make", "AIRPORTS_DB"),
        (make_damaged, "is damaged", "delete it"),
        (make_other_version, "data version 99", "Delete it"),
        (make_parent_a_file, "cannot be used", "AIRPORTS_DB"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_unusable_file_is_refused(
    database: Path, make: Callable[[Path], None], problem: str, remedy: str
) -> None:
    """The refusal says what is wrong and what to do, and leaves the file as it was."""
    make(database)
    before = database.read_bytes() if database.is_file() else None
    with pytest.raises(StartupError, match=problem) as refusal:
        prepare(database)
    assert remedy in str(refusal.value)
    assert (database.read_bytes() if database.is_file() else None) == before


@pytest.mark.skipif(not Path("/proc").exists(), reason="/proc is where root cannot write either")
@pytest.mark.parametrize("name", ["airports.sqlite", "data/airports.sqlite"])
def test_a_place_that_cannot_be_written_is_refused(name: str) -> None:
    """Where no file or no folder can be made, the refusal asks for permission or another place."""
    with pytest.raises(StartupError, match=r"cannot be .* permission.* AIRPORTS_DB"):
        prepare(Path("/proc") / name)
