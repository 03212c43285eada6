"""A private MariaDB, started from the installed binaries and gone when its owner is.

Nothing outside a temporary folder is touched: own data, own free port, own socket file, no system
service. Under root it runs as `mysql`.
"""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from tests.engines.process import free_port, unprivileged

__all__ = ("Binaries", "MariaDBServer", "find_binaries")

SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "character-set-server": "utf8mb4",
    "max-connections": "60",
    "performance-schema": "OFF",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "innodb-doublewrite": "OFF",
    # At every COMMIT to the system, which outlives the server, but not to the disk.
    "innodb-flush-log-at-trx-commit": "2",
}
START_TIMEOUT = 30.0
# The application's user. Unlike root it cannot write to a server that is read-only.
USER = "app"


class Binaries(NamedTuple):
    """The programs that are needed.

    Attributes:
        server: `mariadbd`.
        installer: `mariadb-install-db`.
    """

    server: Path
    installer: Path


def find_binaries() -> Binaries | None:
    """Return the installed programs, or None where one is missing."""
    # Debian keeps servers out of an ordinary user's path.
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    installer = shutil.which("mariadb-install-db")
    if server is None or installer is None:
        return None
    return Binaries(Path(server), Path(installer))


class MariaDBServer:
    """One server, running from construction until `close()`.

    Args:
        binaries: As `find_binaries` returns them.
        settings: What differs from `SETTINGS`.
    """

    init_command: ClassVar[str | None] = None  # of every connection of `connect()`

    def __init__(self, binaries: Binaries, settings: Mapping[str, str] | None = None) -> None:
        self.binaries = binaries
        self._settings = {**SETTINGS, **(settings or {})}
        self._identity = unprivileged("mysql", "nobody")
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-mariadb-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        atexit.register(self.close)
        if user := self._identity.get("user"):
            shutil.chown(self._folder, user, self._identity["group"])
        self._prepare()

    def _prepare(self) -> None:
        """Make the data, start, and let the application's user in."""
        self._initialise()
        self.start()
        self._let_in()

    def _let_in(self) -> None:
        with self.connect() as root, root.cursor() as cursor:
            cursor.execute(f"CREATE USER {USER}@'127.0.0.1'")
            cursor.execute(rf"GRANT ALL ON `test\_%`.* TO {USER}@'127.0.0.1'")

    def url(self, driver: str, database: str, *, port: int | None = None) -> str:
        """Return SQLAlchemy's URL of a database on this server.

        Args:
            driver: `asyncmy`, or any other of SQLAlchemy's drivers.
            database: As `fresh_database` names it.
            port: That of a proxy in front of the server.
        """
        return f"mysql+{driver}://{USER}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str | None = None) -> "pymysql.Connection[Cursor]":
        """Return an autocommitting connection of root's, which is none of the application's."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            database=database,
            autocommit=True,
            init_command=self.init_command,
            # The server has no certificate, and preparing for one takes 20 ms.
            ssl_disabled=True,
        )

    def execute(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement as root and return its rows."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    @contextmanager
    def fresh_database(self) -> Generator[str]:
        """Yield the name of an empty database, dropped afterwards whoever is connected to it.

        A server that a test has killed is started again, before and after.
        """
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.start()
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            self.start()
            # An open transaction would hold up the DROP for as long as it lasts.
            self.terminate_backends(name)
            self.execute(f"DROP DATABASE {name}")

    def terminate_backends(self, database: str) -> int:
        """End every connection to `database` from the server's side, and say how many there were.

        Returns once they are gone, so that what follows cannot race with what was under way.
        """
        with self.connect() as root, root.cursor() as cursor:
            victims = _connections(cursor, database)
            for victim in victims:
                try:
                    cursor.execute(f"KILL CONNECTION {victim}")
                except pymysql.OperationalError as error:
                    if error.args[0] != ER.NO_SUCH_THREAD:  # it ended by itself meanwhile
                        raise
            deadline = time.monotonic() + 5
            while victims.intersection(_connections(cursor, database)):
                if time.monotonic() > deadline:
                    raise RuntimeError("MariaDB did not end the connections that were killed.")
                time.sleep(0.005)
        return len(victims)

    @contextmanager
    def read_only(self) -> Generator[None]:
        """Refuse writes, and the COMMIT of what was written before, as a demoted primary does."""
        self.execute("SET GLOBAL read_only = ON")
        try:
            yield
        finally:
            self.execute("SET GLOBAL read_only = OFF")

    @contextmanager
    def holding_commits(self, seconds: float) -> Generator[None]:
        """Let every COMMIT wait until so many seconds have passed; anything else goes on."""
        with self.connect() as root, root.cursor() as cursor:
            for stage in ("START", "BLOCK_COMMIT"):
                cursor.execute(f"BACKUP STAGE {stage}")
            release = threading.Timer(seconds, cursor.execute, ["BACKUP STAGE END"])
            release.start()
            try:
                yield
            finally:
                release.join()

    def kill9(self) -> None:
        """End the server and all its processes as a power cut would, with SIGKILL."""
        process = self._running()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None

    def restart(self) -> None:
        """Start again on the same port and data, after a clean stop if it is still running."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if time.monotonic() > deadline:
                log = self._log.read_text(errors="replace")
                raise RuntimeError(f"MariaDB did not start:\n{log[-4000:]}")
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server, ending its connections; it keeps its data and its port."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill9()
            self._process = None

    def close(self) -> None:
        """End the server and remove its folder; doing it twice is harmless."""
        atexit.unregister(self.close)
        if self._process is not None:
            self.kill9()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("The server is not running: call start() first.")
        return self._process

    def _initialise(self) -> None:
        # Root may come in without a password, by TCP too.
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        data = f"--datadir={self._folder / 'data'}"
        done = subprocess.run(
            [self.binaries.installer, "--no-defaults", data, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self._identity,
        )
        if done.returncode != 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout}{done.stderr}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "datadir": self._folder / "data",
            "socket": self._folder / "server.sock",
            "pid-file": self._folder / "server.pid",
            "port": self.port,
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            # A session of its own keeps Ctrl-C away from it: the tests end it, in order.
            return subprocess.Popen(
                [self.binaries.server, "--no-defaults", *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **self._identity,
            )

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return False
        try:
            self.connect().close()
        except pymysql.OperationalError:
            return False
        return True


def _connections(cursor: Cursor, database: str) -> set[int]:
    cursor.execute(
        "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> connection_id()",
        [database],
    )
    return {row[0] for row in cursor.fetchall()}
