"""The private MariaDB: databases of their own, and the ways to break it."""

import pymysql
import pytest

from tests.engines.mariadb import MariaDBServer


def test_databases_are_separate_and_dropped(mariadb: MariaDBServer) -> None:
    """A table made in one is not in the next, and a database is gone after its block."""
    with mariadb.fresh_database() as first:
        mariadb.execute("CREATE TABLE here (id int)", first)
        with mariadb.fresh_database() as second:
            assert mariadb.execute("SHOW TABLES", second) == []
    with pytest.raises(pymysql.OperationalError, match="Unknown database"):
        mariadb.connect(first)


def test_a_database_in_use_is_dropped_too(mariadb: MariaDBServer) -> None:
    """A transaction that a test left open does not stop the next test."""
    with mariadb.fresh_database() as name:
        mariadb.execute("CREATE TABLE here (id int)", name)
        leaked = mariadb.connect(name).cursor()
        leaked.execute("BEGIN")
        leaked.execute("INSERT INTO here VALUES (1)")
    with pytest.raises(pymysql.OperationalError):
        leaked.execute("SELECT 1")


def test_connections_are_gone_when_terminate_returns(mariadb: MariaDBServer) -> None:
    """Only the connections to the named database end, and their number is told."""
    with mariadb.fresh_database() as name, mariadb.fresh_database() as other:
        victims = [mariadb.connect(name).cursor(), mariadb.connect(name).cursor()]
        with mariadb.connect(other) as bystander:
            assert mariadb.terminate_backends(name) == 2
            bystander.cursor().execute("SELECT 1")
        for victim in victims:
            with pytest.raises(pymysql.OperationalError):
                victim.execute("SELECT 1")


def test_committed_rows_survive_kill9(mariadb: MariaDBServer) -> None:
    """After SIGKILL it starts again on the same port, with what was committed and no more."""
    with mariadb.fresh_database() as name:
        mariadb.execute("CREATE TABLE here (id int)", name)
        mariadb.execute("INSERT INTO here VALUES (1)", name)
        open_one = mariadb.connect(name).cursor()
        open_one.execute("BEGIN")
        open_one.execute("INSERT INTO here VALUES (2)")
        mariadb.kill9()
        with pytest.raises(pymysql.OperationalError):
            mariadb.connect(name)
        mariadb.start()
        assert mariadb.execute("SELECT id FROM here", name) == [(1,)]


def test_a_killed_server_does_not_stop_the_next_test(mariadb: MariaDBServer) -> None:
    """A database can be dropped, and the next one made, where a test has left the server dead."""
    with mariadb.fresh_database():
        mariadb.kill9()
    mariadb.kill9()
    with mariadb.fresh_database() as name:
        mariadb.execute("SELECT 1", name)


def test_a_server_that_is_read_only_refuses_the_commit(mariadb: MariaDBServer) -> None:
    """What an ordinary user wrote before is undone, and afterwards writing works again."""
    with mariadb.fresh_database() as name:
        mariadb.execute("CREATE TABLE here (id int)", name)
        with pymysql.connect(
            host="127.0.0.1", port=mariadb.port, user="app", database=name, ssl_disabled=True
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("INSERT INTO here VALUES (1)")
            with mariadb.read_only(), pytest.raises(pymysql.OperationalError, match="read-only"):
                connection.commit()
            cursor.execute("INSERT INTO here VALUES (2)")
            connection.commit()
        assert mariadb.execute("SELECT id FROM here", name) == [(2,)]


def test_closing_leaves_nothing(mariadb: MariaDBServer) -> None:
    """Neither a process nor a folder outlives a server that was closed."""
    server = MariaDBServer(mariadb.binaries)
    server.close()
    assert not server._folder.exists()
    with pytest.raises(pymysql.OperationalError):
        server.connect()
