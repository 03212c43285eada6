"""COMMITs that take their time, on a real server."""

from collections.abc import Generator
from contextlib import contextmanager

from tests.engines.database import Database
from tests.engines.mariadb import MariaDBServer

__all__ = ("slow_commits",)

SECONDS = 0.3
# Deferred, it runs as COMMIT does.
TRIGGER = """
CREATE OR REPLACE FUNCTION sleep_a_little() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(%s); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION sleep_a_little()
"""


@contextmanager
def slow_commits(database: Database, seconds: float = SECONDS) -> Generator[None]:
    """Let the COMMIT of a new item take its time: on MariaDB of one that comes at once."""
    if isinstance(database.server, MariaDBServer):
        with database.server.holding_commits(seconds):
            yield
        return
    database.query(TRIGGER % seconds)
    try:
        yield
    finally:
        database.query("DROP TRIGGER slow ON item")
