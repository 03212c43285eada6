"""Runs the service: takes the port, loads the airports on the first start, serves."""

import asyncio
import errno
import os
import socket
import sqlite3
import sys

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from examples.airports.app import DATABASE, alchemy, app
from examples.airports.loading import load, read_airports
from examples.airports.storage import StartupError, State, prepare

CANNOT_START = 2
INTERRUPTED = 130

GREETING = """
Airports is served at {url}. Three requests worth trying:

  curl '{url}/airports?searchString=heathrow'
  curl '{url}/countries/IS/airports?orderBy=elevation&sortOrder=desc&pageSize=3'
  curl -X PATCH {url}/airports/EGLL -H 'content-type: application/json' -d '{{"city": "Hounslow"}}'

All the others are at {url}/docs. Stop with Ctrl-C.
"""


class Server(uvicorn.Server):
    """A server that greets once it answers."""

    def __init__(self, greeting: str) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning"))
        self.greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then greet."""
        await super().startup(sockets=sockets)
        say(self.greeting)


def say(text: str) -> None:
    """Print a line at once, through a pipe too."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def bound(address: tuple[str, int], family: int) -> socket.socket:
    """Return a socket that listens, named as TCP: only then does asyncio disable Nagle's delay."""
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def listen() -> socket.socket:
    """Take the port before any work is done for it.

    Returns:
        The listening socket; requests that come early wait in it.

    Raises:
        StartupError: ``HOST`` and ``PORT`` name nothing that can be listened on.
    """
    host = os.environ.get("HOST") or "127.0.0.1"
    port = os.environ.get("PORT") or "8000"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return bound((host, int(port)), family)
    except (ValueError, OverflowError):
        raise StartupError(f"PORT={port} is not a port: give a number up to 65535.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "another program holds it. Stop that one"
        else:
            reason = f"{error.strerror}. Correct HOST"
        raise StartupError(
            f"Port {port} on {host} is not available: {reason}, or choose another port "
            "with PORT=<number>."
        ) from error


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a client on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def fill(state: State) -> None:
    """Load the airports, with a progress bar.

    Args:
        state: What the database holds so far.

    Raises:
        StartupError: The load failed; nothing of it was kept.
    """
    if state is State.INTERRUPTED:
        say("An earlier load did not finish and nothing of it was kept: loading again.")
    airports = read_airports()
    try:
        with tqdm(total=len(airports), desc="Loading", unit=" airports") as bar:
            await load(alchemy, airports, bar.update)
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", error)
        raise StartupError(
            f"Loading into {DATABASE} failed and nothing of it was kept: {cause}. "
            "See that there is space and permission to write, then start again."
        ) from error


async def serve() -> int:
    """Take the port, see to the data, answer requests.

    Returns:
        The exit code.
    """
    with listen() as listener:
        if (state := prepare(DATABASE)) is not State.LOADED:
            await fill(state)
        server = Server(GREETING.format(url=url_of(listener)))
        await server.serve(sockets=[listener])
    return 0


def main() -> int:
    """Run the service until it is stopped.

    Returns:
        The exit code: 2 when it could not start.
    """
    try:
        return asyncio.run(serve())
    except StartupError as error:
        sys.stderr.write(f"Airports cannot start. {error}\n")
        return CANNOT_START
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
