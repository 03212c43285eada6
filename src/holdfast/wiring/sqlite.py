"""SQLite set up as a server's database needs it."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine, event

__all__ = ("SQLitePragmas",)


@dataclass(frozen=True, slots=True)
class SQLitePragmas:
    """Pragmas set on every new SQLite connection; other databases ignore them.

    SQLite's own defaults are those of an embedded file format: foreign keys unchecked, readers
    blocked by the writer, a second writer refused at once. See https://sqlite.org/pragma.html.

    Attributes:
        foreign_keys: Whether foreign keys are enforced.
        journal_mode: ``WAL`` lets readers and one writer work side by side.
        busy_timeout: Seconds a writer waits for another's lock.
        synchronous: ``NORMAL`` syncs at checkpoints; with WAL a power cut may lose the last commits
            but never corrupts. ``FULL`` syncs every commit.
    """

    foreign_keys: bool = True
    journal_mode: Literal["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF"] = "WAL"
    busy_timeout: float = 5.0
    synchronous: Literal["OFF", "NORMAL", "FULL", "EXTRA"] = "FULL"

    def install(self, engine: Engine) -> None:
        """Set the pragmas on every connection that the engine opens from now on."""
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", self._on_connect)

    def _on_connect(self, connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            # First, so that the switch to WAL waits for another process that is doing the same.
            cursor.execute(f"PRAGMA busy_timeout = {round(self.busy_timeout * 1000)}")
            cursor.execute(f"PRAGMA journal_mode = {self.journal_mode}")
            cursor.execute(f"PRAGMA synchronous = {self.synchronous}")
            cursor.execute(f"PRAGMA foreign_keys = {int(self.foreign_keys)}")
        finally:
            cursor.close()
