"""The private PostgreSQL: databases of their own, and the ways to break it."""

from typing import Any

import psycopg
import pytest

from tests.engines.postgres import PostgresServer


def test_databases_are_separate_and_dropped(postgres: PostgresServer) -> None:
    """A table made in one is not in the next, and a database is gone after its block."""
    with postgres.fresh_database() as first:
        with postgres.connect(first) as connection:
            connection.execute("CREATE TABLE here (id int)")
        with postgres.fresh_database() as second, postgres.connect(second) as connection:
            (found,) = connection.execute("SELECT to_regclass('here')").fetchone() or ()
            assert found is None
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres.connect(first)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE here (id serial PRIMARY KEY)",
        "CREATE TYPE here AS ENUM ('a')",
        "CREATE FUNCTION here() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP SCHEMA public CASCADE",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ],
)
def test_a_database_that_is_used_again_is_as_new(postgres: PostgresServer, made: str) -> None:
    """Of what a test has made in it, or has taken from it, nothing shows."""
    described = (
        "SELECT nspname, has_schema_privilege('pg_monitor', pg_namespace.oid, 'USAGE'), "
        "has_schema_privilege('pg_monitor', pg_namespace.oid, 'CREATE'), "
        "(SELECT count(*) FROM pg_depend WHERE refobjid = pg_namespace.oid) "
        "FROM pg_namespace ORDER BY nspname"
    )
    with postgres.connect("template1") as connection:
        new = connection.execute(described).fetchall()
    with postgres.fresh_database() as name, postgres.connect(name) as connection:
        first = identity(connection)
        connection.execute(made.encode())
    with postgres.fresh_database() as name, postgres.connect(name) as connection:
        assert identity(connection) == first
        assert connection.execute(described).fetchall() == new


@pytest.mark.parametrize(
    "made",
    [
        "CREATE SCHEMA here",
        "SELECT lo_create(0)",
        "CREATE PUBLICATION here FOR ALL TABLES",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DATABASE {} SET jit = on",
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
    ],
)
def test_a_database_that_cannot_be_emptied_is_not_used_again(
    postgres: PostgresServer, made: str
) -> None:
    """Where more was changed than tables and their like, the next test gets another one."""
    with postgres.fresh_database() as name, postgres.connect(name) as connection:
        first = identity(connection)
        connection.execute(made.format(name).encode())
    with postgres.fresh_database() as name, postgres.connect(name) as connection:
        assert identity(connection) != first


def identity(connection: psycopg.Connection[tuple[Any, ...]]) -> object:
    """Return what PostgreSQL knows a database by, whatever its name."""
    query = "SELECT oid FROM pg_database WHERE datname = current_database()"
    return connection.execute(query).fetchone()


def test_a_database_in_use_is_dropped_too(postgres: PostgresServer) -> None:
    """A connection that a test leaked does not stop the next test."""
    with postgres.fresh_database() as name:
        leaked = postgres.connect(name)
    with pytest.raises(psycopg.OperationalError):
        leaked.execute("SELECT 1")
    leaked.close()


def test_backends_are_gone_when_terminate_returns(postgres: PostgresServer) -> None:
    """Only the connections to the named database end, and their number is told."""
    with postgres.fresh_database() as name, postgres.fresh_database() as other:
        victims = [postgres.connect(name), postgres.connect(name)]
        with postgres.connect(other) as bystander:
            assert postgres.terminate_backends(name) == 2
            bystander.execute("SELECT 1")
        for victim in victims:
            with pytest.raises(psycopg.OperationalError):
                victim.execute("SELECT 1")
            victim.close()


def test_committed_rows_survive_kill9(postgres: PostgresServer) -> None:
    """After SIGKILL it starts again on the same port, with what was committed and no more."""
    with postgres.fresh_database() as name:
        with postgres.connect(name) as connection:
            connection.execute("CREATE TABLE here (id int)")
            connection.execute("INSERT INTO here VALUES (1)")
        open_one = postgres.connect(name)
        open_one.execute("BEGIN")
        open_one.execute("INSERT INTO here VALUES (2)")
        postgres.kill9()
        open_one.close()
        with pytest.raises(psycopg.OperationalError):
            postgres.connect(name)
        postgres.start()
        with postgres.connect(name) as connection:
            assert connection.execute("SELECT id FROM here").fetchall() == [(1,)]


def test_a_killed_server_does_not_stop_the_next_test(postgres: PostgresServer) -> None:
    """A database can be dropped, and the next one made, where a test has left the server dead."""
    with postgres.fresh_database():
        postgres.kill9()
    postgres.kill9()
    with postgres.fresh_database() as name, postgres.connect(name) as connection:
        connection.execute("SELECT 1")


def test_closing_leaves_nothing(postgres: PostgresServer) -> None:
    """Neither a process nor a folder outlives a server that was closed."""
    server = PostgresServer(postgres.binaries)
    server.close()
    assert not server._folder.exists()
    with pytest.raises(psycopg.OperationalError):
        server.connect()
