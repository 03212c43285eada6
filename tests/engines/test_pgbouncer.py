"""The pooler: it hands a server connection out for one transaction."""

import psycopg

from tests.engines.pgbouncer import PgBouncer
from tests.engines.postgres import PostgresServer

BACKEND = "SELECT pg_backend_pid()"


def connect(pooler: PgBouncer, database: str) -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(host="127.0.0.1", port=pooler.port, user="postgres", dbname=database)


def test_clients_share_a_server_connection(postgres: PostgresServer, pgbouncer: PgBouncer) -> None:
    """One transaction after another runs on the same backend, whosever client it is."""
    with postgres.fresh_database() as name:
        backends = set()
        with connect(pgbouncer, name) as first, connect(pgbouncer, name) as second:
            for client in (first, second, first):
                backends.add(client.execute(BACKEND).fetchone())
                client.commit()
        assert len(backends) == 1


def test_a_transaction_keeps_its_server_connection(
    postgres: PostgresServer, pgbouncer: PgBouncer
) -> None:
    """While one client's transaction is open, another's runs on another backend."""
    with (
        postgres.fresh_database() as name,
        connect(pgbouncer, name) as first,
        connect(pgbouncer, name) as second,
    ):
        one = first.execute(BACKEND).fetchone()
        other = second.execute(BACKEND).fetchone()
        assert one != other
        assert first.execute(BACKEND).fetchone() == one
