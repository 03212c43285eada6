"""`python -m examples.airports` as a process of its own."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.examples.conftest import Query

ROOT = Path(__file__).parents[2]

KILLED_WHILE_LOADING = """
import asyncio, os, signal
from examples.airports.app import DATABASE, alchemy
from examples.airports.loading import load, read_airports
from examples.airports.storage import prepare

rows = read_airports()
remaining = len(rows)

def progress(batch):
    global remaining
    remaining -= batch
    if remaining < len(rows) / 2:
        os.kill(os.getpid(), signal.SIGKILL)

prepare(DATABASE)
asyncio.run(load(alchemy, rows, progress))
"""


@pytest.fixture
def environment(database: Path) -> dict[str, str]:
    """Give the environment of a start on a free port."""
    return {**os.environ, "AIRPORTS_DB": str(database), "HOST": "127.0.0.1", "PORT": "0"}


@contextmanager
def started(environment: dict[str, str]) -> Generator[tuple[str, str]]:
    """Run the program until it greets, give its greeting and URL, and stop it with Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, "-m", "examples.airports"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            greeting = ""
            while "Ctrl-C" not in greeting:
                line = process.stdout.readline()
                assert line, greeting
                greeting += line
            url = re.search(r"http://[\d.]+:\d+", greeting)
            assert url
            yield greeting, url[0]
            process.send_signal(signal.SIGINT)
            assert "Traceback" not in process.stdout.read()
        finally:
            process.kill()


def request(command: str) -> httpx2.Response:
    """Send what a curl command line would."""
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", default="GET")
    parser.add_argument("-H")
    parser.add_argument("-d")
    given = parser.parse_args(shlex.split(command)[1:])
    headers = dict([given.H.split(": ")]) if given.H else {}
    return httpx2.request(given.X, given.url, headers=headers, content=given.d)


def refused(environment: dict[str, str]) -> str:
    """Run the program where it cannot start, and return what it says."""
    process = subprocess.run(
        [sys.executable, "-m", "examples.airports"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (process.returncode, process.stdout) == (2, "")
    return process.stderr


def test_a_killed_load_is_done_again_and_served(environment: dict[str, str], query: Query) -> None:
    """After a kill half-way the next start says so, loads all, and the one after that just serves.

    Every request that the greeting offers is answered.
    """
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_LOADING], cwd=ROOT, env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert query("SELECT name FROM sqlite_schema") == []
    with started(environment) as (greeting, url):
        assert "did not finish" in greeting
        assert "100%" in greeting
        assert httpx2.get(f"{url}/airports").json()["total"] == 28_298
        commands = re.findall(r"curl .*", greeting)
        assert len(commands) == 3
        for command in commands:
            assert '"icao"' in request(command).raise_for_status().text
    with started(environment) as (greeting, _):
        assert "Loading" not in greeting
        assert "did not finish" not in greeting
    assert query("SELECT city FROM airport WHERE icao = 'EGLL'") == [("Hounslow",)]


def test_a_taken_port_is_refused_before_loading(
    environment: dict[str, str], database: Path
) -> None:
    """A port in use ends the start at once: what is wrong, what to do, no data written."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = refused(environment | {"PORT": str(port)})
    assert message == (
        f"Airports cannot start. Port {port} on 127.0.0.1 is not available: another program "
        "holds it. Stop that one, or choose another port with PORT=<number>.\n"
    )
    assert not database.parent.exists()


def test_an_unusable_database_is_refused(environment: dict[str, str], database: Path) -> None:
    """A file that cannot be used ends the start with one sentence and no traceback."""
    database.mkdir(parents=True)
    assert refused(environment) == (
        f"Airports cannot start. {database} is a folder, not a database file: "
        "name another file with AIRPORTS_DB=<path>.\n"
    )


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_a_port_that_is_none_is_refused(environment: dict[str, str], port: str) -> None:
    """Something else than a port number is named, with the numbers that would do."""
    message = refused(environment | {"PORT": port})
    assert f"PORT={port} is not a port: give a number up to 65535." in message
