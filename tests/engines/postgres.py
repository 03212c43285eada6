"""A private PostgreSQL, started from the installed binaries and gone when its owner is.

Nothing outside a temporary folder is touched: own data, own free port, no socket file, no system
service. PostgreSQL refuses to run as root, so under root it runs as `postgres` or `nobody`.
"""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.engines.postgres_databases import Databases
from tests.engines.process import free_port, unprivileged

__all__ = ("STANDBY", "PostgresServer", "find_binaries")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "deadlock_timeout": "100ms",
    "jit": "off",
}
STANDBY = "standby"
START_TIMEOUT = 20.0
END_TIMEOUT = 5.0


def find_binaries() -> Path | None:
    """Return the folder that holds `initdb` and `postgres`, the newest where there are several."""
    candidates = []
    if config := shutil.which("pg_config"):
        shown = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(shown.stdout.strip()))
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    if server := shutil.which("postgres"):
        candidates.append(Path(server).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parent = status.read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                found.append(int(status.parent.name))
    return found


class PostgresServer:
    """One server, running from construction until `close()`.

    Args:
        binaries: The folder of `initdb` and `postgres`, as `find_binaries` returns it.
        standby_of: The server that it follows; without one it is a server of its own.
        settings: What differs from `SETTINGS`.

    Attributes:
        binaries: That folder.
        port: Where it listens on 127.0.0.1, the same for as long as it lives.
    """

    def __init__(
        self,
        binaries: Path,
        *,
        standby_of: "PostgresServer | None" = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.binaries = binaries
        self._settings = settings or {}
        self._identity = unprivileged("postgres", "nobody")
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = Databases(self.connect)
        self.port = free_port()
        atexit.register(self.close)
        if user := self._identity.get("user"):
            shutil.chown(self._folder, user, self._identity["group"])
        if standby_of is None:
            self._initialise()
        else:
            self._follow(standby_of)
        self.start()

    def url(self, driver: str, database: str = "postgres", *, port: int | None = None) -> str:
        """Return SQLAlchemy's URL of a database on this server.

        Args:
            driver: `asyncpg`, or `psycopg` for both its sync and its async form.
            database: As `fresh_database` names it.
            port: That of a proxy in front of the server.
        """
        return f"postgresql+{driver}://postgres@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return an autocommitting connection that is none of the application's."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        )

    @contextmanager
    def fresh_database(self) -> Generator[str]:
        """Yield the name of an empty database, gone afterwards whoever is connected to it.

        A server that a test has killed is started again, before and after.
        """
        with self._answer() as admin:
            name = self._databases.take(admin)
        try:
            yield name
        finally:
            with self._answer() as admin:
                _terminate(admin, name)
                self._databases.give_back(admin, name)

    def terminate_backends(self, database: str) -> int:
        """End every connection to `database` from the server's side, and say how many there were.

        Returns once they are gone, so that what follows cannot race with what was under way.
        """
        with self.connect() as admin:
            return _terminate(admin, database)

    def kill9(self) -> None:
        """End the server and all its processes as a power cut would, with SIGKILL."""
        process = self._running()
        # Frozen first, so that it cannot fork a backend that nobody kills: such an orphan would
        # go on writing.
        process.send_signal(signal.SIGSTOP)
        for pid in _children(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
        self._process = None

    def restart(self) -> None:
        """Start again on the same port and data, after a clean stop if it is still running."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        self._answer().close()

    def stop(self) -> None:
        """Stop the server, ending its connections; it keeps its data and its port."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill9()
            self._process = None

    def close(self) -> None:
        """Stop the server and remove its folder; doing it twice is harmless."""
        atexit.unregister(self.close)
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("The server is not running: call start() first.")
        return self._process

    def _initialise(self) -> None:
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        self._make_data("initdb", "--no-sync", *options)

    def _follow(self, primary: "PostgresServer") -> None:
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name={STANDBY}"
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]
        slot = ["--create-slot", f"--slot={STANDBY}"]
        self._make_data("pg_basebackup", "--no-sync", *options, *slot, f"--dbname={source}")

    def _make_data(self, program: str, *options: str) -> None:
        done = subprocess.run(
            [self.binaries / program, "-D", self._folder / "data", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self._identity,
        )
        if done.returncode != 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [str(self.binaries / "postgres"), "-D", str(self._folder / "data")]
        settings = {"port": str(self.port), **SETTINGS, **self._settings}
        with self._log.open("ab") as log:
            # A session of its own keeps Ctrl-C away from it: the tests end it, in order.
            return subprocess.Popen(
                [*command, *(f"--{name}={value}" for name, value in settings.items())],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **self._identity,
            )

    def _answer(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Start the server unless it runs, and return the first connection that it accepts."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            with suppress(psycopg.OperationalError):
                return self.connect()
            time.sleep(0.02)
        log = self._log.read_text(errors="replace")
        raise RuntimeError(f"PostgreSQL did not start:\n{log[-4000:]}")


def _terminate(admin: psycopg.Connection[tuple[Any, ...]], database: str) -> int:
    ended = [
        pid
        for pid, _ in admin.execute(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            [database],
        )
    ]
    deadline = time.monotonic() + END_TIMEOUT
    alive = "SELECT FROM pg_stat_activity WHERE pid = ANY(%s)"
    # The server's own way of waiting looks again after 100 ms only. Others may come meanwhile.
    while admin.execute(alive, [ended]).fetchone() is not None:
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not end the connections that were terminated.")
        time.sleep(0.002)
    return len(ended)
