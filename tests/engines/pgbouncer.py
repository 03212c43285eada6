"""A private PgBouncer in transaction mode before a PostgreSQL server."""

import atexit
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.engines.postgres import PostgresServer
from tests.engines.process import free_port, unprivileged

__all__ = ("PgBouncer", "find_pgbouncer")

START_TIMEOUT = 10.0
CONFIG = """\
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
logfile = {folder}/log
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 1000
"""


def find_pgbouncer() -> Path | None:
    """Return the program; Debian has it where not everybody's PATH leads."""
    found = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    return None if found is None else Path(found)


class PgBouncer:
    """One PgBouncer, running from construction until `close()`.

    A client has a server connection for the length of one transaction, and another in the next.

    Args:
        program: As `find_pgbouncer` returns it.
        server: The server behind it; any of its databases can be reached.
        size: How many connections it opens to a database.
    """

    def __init__(self, program: Path, server: PostgresServer, *, size: int = 10) -> None:
        identity = unprivileged("postgres", "nobody")
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-pgbouncer-"))
        config = self._folder / "config.ini"
        config.write_text(
            CONFIG.format(port=self.port, server_port=server.port, folder=self._folder, size=size)
        )
        (self._folder / "users").write_text('"postgres" ""\n')
        if user := identity.get("user"):
            shutil.chown(self._folder, user, identity["group"])
        self._process = subprocess.Popen(
            [program, "--quiet", config],
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **identity,
        )
        atexit.register(self.close)
        self._await_answer()

    def url(self, driver: str, database: str) -> str:
        """Return SQLAlchemy's URL of a database on the server, through the pooler."""
        return f"postgresql+{driver}://postgres@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        """Stop it and remove its folder; doing it twice is harmless."""
        atexit.unregister(self.close)
        self._process.terminate()
        self._process.wait(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                # Its own console, which needs no server.
                psycopg.connect(
                    host="127.0.0.1", port=self.port, user="postgres", dbname="postgres"
                ).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    raise RuntimeError("PgBouncer did not start.") from error
                time.sleep(0.02)
            else:
                return
