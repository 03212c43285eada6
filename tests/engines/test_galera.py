"""The Galera cluster: one database on three nodes, and the ways to break it."""

import pymysql
import pytest

from tests.engines.galera import GaleraCluster


def test_what_one_node_commits_is_on_all(galera: GaleraCluster) -> None:
    """A read on another node waits for what was committed before it."""
    first, second, third = galera.nodes
    with galera.fresh_database() as name:
        first.execute("CREATE TABLE here (id int PRIMARY KEY)", name)
        second.execute("INSERT INTO here VALUES (1)", name)
        assert third.execute("SELECT id FROM here", name) == [(1,)]
    assert third.execute(f"SHOW DATABASES LIKE '{name}'") == []


def test_the_later_of_two_commits_is_refused(galera: GaleraCluster) -> None:
    """A node does not wait for another's row: the COMMIT of the loser fails as a deadlock."""
    first, second, _ = galera.nodes
    with galera.fresh_database() as name:
        first.execute("CREATE TABLE here (id int PRIMARY KEY, who int)", name)
        first.execute("INSERT INTO here VALUES (1, 0)", name)
        loser = first.connect(name)
        loser.begin()
        loser.cursor().execute("UPDATE here SET who = 1")
        second.execute("UPDATE here SET who = 2", name)
        with pytest.raises(pymysql.OperationalError, match="1213"):
            loser.commit()
        loser.close()
        assert first.execute("SELECT who FROM here", name) == [(2,)]


def test_a_node_that_was_killed_catches_up(galera: GaleraCluster) -> None:
    """The others go on without it, and it has what it missed once it is Synced."""
    first, _, third = galera.nodes
    with galera.fresh_database() as name:
        first.execute("CREATE TABLE here (id int PRIMARY KEY)", name)
        # It has the table: to be killed while it makes one is another matter.
        assert third.execute("SELECT id FROM here", name) == []
        third.kill9()
        first.execute("INSERT INTO here VALUES (1)", name)
        third.wait_until_synced()
        assert third.execute("SELECT id FROM here", name) == [(1,)]


def test_closing_leaves_nothing(galera: GaleraCluster) -> None:
    """A cluster of its own beside the other starts, and nothing of it outlives its end."""
    cluster = GaleraCluster(galera.nodes[0].binaries, galera.provider)
    folders = [node._folder for node in cluster.nodes]
    cluster.close()
    assert not any(folder.exists() for folder in folders)
    with pytest.raises(pymysql.OperationalError):
        cluster.nodes[0].connect()
