"""Two PostgreSQL servers: a primary and the hot standby that streams from it."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.engines.postgres import STANDBY, PostgresServer

__all__ = ("PostgresPair",)

PATIENCE = 20.0
STANDBYS = "SELECT 1 FROM pg_stat_replication"


class PostgresPair:
    """A primary and a hot standby, running from construction until `close()`.

    Args:
        binaries: As for `PostgresServer`.
        synchronous: A `synchronous_commit` level that includes the standby, such as `"on"` or
            `"remote_apply"`: then a COMMIT waits for it, and a failover loses nothing. Without
            one, what the standby has not received when the primary dies is lost.
        settings: Of both, as for `PostgresServer`.

    Attributes:
        primary: The server that begins as the primary.
        standby: The server that begins as its standby.
    """

    def __init__(
        self,
        binaries: Path,
        *,
        synchronous: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        with ExitStack() as stack:
            self.primary = PostgresServer(binaries, settings=settings)
            stack.callback(self.primary.close)
            self.standby = PostgresServer(binaries, standby_of=self.primary, settings=settings)
            stack.callback(self.standby.close)
            if synchronous is not None:
                self._wait_for(synchronous)
            self._await_row(self.primary, f"{STANDBYS} WHERE state = 'streaming'")
            self._servers = stack.pop_all()

    def close(self) -> None:
        """Stop both and remove their folders; doing it twice is harmless."""
        self._servers.close()

    def url(self, driver: str, *, ports: tuple[int, int] | None = None) -> str:
        """Return SQLAlchemy's URL of whichever of the two takes writes.

        Args:
            driver: `asyncpg`, or `psycopg` for both its sync and its async form.
            ports: Those of proxies in front of the primary and the standby.
        """
        hosts = "&".join(
            f"host=127.0.0.1:{port}" for port in ports or (self.primary.port, self.standby.port)
        )
        return f"postgresql+{driver}://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    def kill_primary(self) -> None:
        """End the primary with SIGKILL; `primary.start()` would bring it back with its data."""
        self.primary.kill9()

    def promote(self) -> None:
        """Make the standby a primary, and return once it takes writes."""
        self._ask(self.standby, "SELECT pg_promote(wait => true, wait_seconds => 20)")

    def pause_replay(self) -> None:
        """Let the standby receive but not apply, so that reads on it grow stale."""
        self._ask(self.standby, "SELECT pg_wal_replay_pause()")

    def resume_replay(self) -> None:
        """Let the standby catch up."""
        self._ask(self.standby, "SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until the standby shows what is committed on the primary by now."""
        ((position,),) = self._ask(self.primary, "SELECT pg_current_wal_lsn()")
        self._await_row(self.standby, f"SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{position}'")

    def _wait_for(self, level: str) -> None:
        self._ask(self.primary, f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
        self._ask(self.primary, f"ALTER SYSTEM SET synchronous_commit = '{level}'")
        self._ask(self.primary, "SELECT pg_reload_conf()")
        self._await_row(self.primary, f"{STANDBYS} WHERE sync_state = 'sync'")

    def _await_row(self, server: PostgresServer, query: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._ask(server, query):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The standby does not follow; no row came of: {query}")
            time.sleep(0.02)

    def _ask(self, server: PostgresServer, query: str) -> list[tuple[Any, ...]]:
        with server.connect() as connection:
            cursor = connection.execute(query.encode())
            return [] if cursor.description is None else cursor.fetchall()
