"""A Galera cluster of three private MariaDBs, started from the installed binaries."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple

import pymysql
from typing_extensions import override

from tests.engines.mariadb import Binaries, MariaDBServer
from tests.engines.process import free_port

__all__ = ("GaleraCluster", "GaleraNode", "find_provider")

SIZE = 3
SYNC_TIMEOUT = 60.0
SETTINGS = {
    "binlog-format": "ROW",
    "innodb-autoinc-lock-mode": "2",
    "innodb-flush-log-at-trx-commit": "1",
    "wsrep-on": "ON",
    "wsrep-cluster-name": "holdfast",
    "wsrep-slave-threads": "2",
    "wsrep-sst-method": "rsync",
    "wsrep-node-address": "127.0.0.1",
}
# A node that is gone is noticed after 2 s instead of 5.
PROVIDER_OPTIONS = {
    "base_host": "127.0.0.1",
    "gcache.size": "32M",
    "evs.keepalive_period": "PT0.5S",
    "evs.suspect_timeout": "PT2S",
    "evs.inactive_timeout": "PT4S",
    "evs.install_timeout": "PT4S",
    "pc.wait_prim_timeout": "PT20S",
}


def find_provider() -> Path | None:
    """Return Galera's library, or None where it, or what copies data between nodes, is missing."""
    if shutil.which("rsync") is None or shutil.which("socat") is None:
        return None
    folders = ("/usr/lib/galera", "/usr/lib64/galera-4", "/usr/lib64/galera")
    libraries = (Path(folder, "libgalera_smm.so") for folder in folders)
    return next(filter(Path.exists, libraries), None)


class Ports(NamedTuple):
    """The ports of one node.

    Attributes:
        clients: For SQL.
        group: For the other nodes.
        missed: For what the node missed while it was away.
        everything: For all the data, where it was away for long.
    """

    clients: int
    group: int
    missed: int
    everything: int


class GaleraNode(MariaDBServer):
    """One node, which its cluster starts.

    Args:
        binaries: As for any MariaDB.
        number: From 1.
        provider: Galera's library.
        ports: Its own.
        members: Where the nodes of its cluster meet, itself among them.
    """

    # It sees what has been committed on other nodes before.
    init_command: ClassVar[str | None] = "SET wsrep_sync_wait = 15"

    def __init__(
        self,
        binaries: Binaries,
        number: int,
        provider: Path,
        ports: Ports,
        members: Sequence[int],
    ) -> None:
        self.number = number
        self._ports = ports
        self.identity = uuid.uuid4()
        options = {
            **PROVIDER_OPTIONS,
            "base_port": ports.group,
            "gmcast.listen_addr": f"tcp://127.0.0.1:{ports.group}",
            "ist.recv_addr": f"127.0.0.1:{ports.missed}",
            "ist.recv_bind": f"127.0.0.1:{ports.missed}",
        }
        settings = {
            **SETTINGS,
            "wsrep-provider": str(provider),
            "wsrep-node-name": f"n{number}",
            "wsrep-cluster-address": f"gcomm://{','.join(f'127.0.0.1:{one}' for one in members)}",
            "wsrep-sst-receive-address": f"127.0.0.1:{ports.everything}",
            "wsrep-provider-options": ";".join(f"{k}={v}" for k, v in options.items()),
        }
        super().__init__(binaries, settings)

    @override
    def _prepare(self) -> None:
        """Wait for the cluster, which makes the data of all nodes from those of the first."""
        self.port = self._ports.clients

    def found(self) -> None:
        """Make the data of a cluster that has this node alone, and stop."""
        address = self._settings["wsrep-cluster-address"]
        self._settings["wsrep-cluster-address"] = "gcomm://"
        self._initialise()
        self.wait_until_synced()  # it lets clients in before, but does nothing for them
        self._let_in()
        self.stop()
        self._settings["wsrep-cluster-address"] = address

    def copy(self, other: "GaleraNode") -> None:
        """Take over the data of a node that has stopped."""
        source = other._folder / "data"
        subprocess.run(
            ["cp", "-r", "--reflink=auto", source, self._folder], check=True, **self._identity
        )
        (self._folder / "data" / "galera.cache").unlink()

    def remember(self, members: "Sequence[GaleraNode]") -> None:
        """Leave the note by which nodes that went down together know that they are all."""
        first = members[0].identity
        lines = [
            f"my_uuid: {self.identity}",
            "#vwbeg",
            f"view_id: 3 {first} {len(members)}",
            "bootstrap: 0",
            *(f"member: {member.identity} 0" for member in members),
            "#vwend",
        ]
        note = self._folder / "data" / "gvwstate.dat"
        note.write_text("\n".join(lines) + "\n")
        if user := self._identity.get("user"):
            shutil.chown(note, user, self._identity["group"])

    @property
    def state(self) -> str:
        """What the node says of itself: `Synced` where it takes part."""
        rows = self.execute("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        return str(rows[0][1])

    def wait_until_synced(self) -> None:
        """Wait until the node takes part in the cluster.

        Raises:
            RuntimeError: It does not within a minute.
        """
        deadline = time.monotonic() + SYNC_TIMEOUT
        state = "gone"
        while state != "Synced":
            if time.monotonic() > deadline:
                raise RuntimeError(f"Node {self.number} is {state}, not Synced.")
            time.sleep(0.02)
            self.start()
            state = self._state_or_gone()

    def begin_start(self) -> None:
        """Start the node without waiting for it."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._spawn()

    def _state_or_gone(self) -> str:
        try:
            return self.state
        except pymysql.OperationalError as error:
            return str(error)


class GaleraCluster:
    """Three nodes, running from construction until `close()`.

    Args:
        binaries: As for any MariaDB.
        provider: As `find_provider` returns it.
    """

    def __init__(self, binaries: Binaries, provider: Path) -> None:
        self.provider = provider
        ports = [Ports(*(free_port() for _ in Ports._fields)) for _ in range(SIZE)]
        members = [one.group for one in ports]
        self.nodes = [
            GaleraNode(binaries, number, provider, one, members)
            for number, one in enumerate(ports, 1)
        ]
        first, *others = self.nodes
        first.found()
        for other in others:
            other.copy(first)
        # With the same data and this note they need no founder and no transfer: 3 s, not 15.
        for node in self.nodes:
            node.remember(self.nodes)
        self.heal()

    def heal(self) -> None:
        """Start every node that is down, and wait until all take part again."""
        for node in self.nodes:
            node.begin_start()
        for node in self.nodes:
            node.wait_until_synced()

    @contextmanager
    def fresh_database(self) -> Generator[str]:
        """Yield the name of an empty database on all nodes, dropped afterwards.

        Nodes that a test has killed are started again, before and after.
        """
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.heal()
        self.nodes[0].execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            self.heal()
            for node in self.nodes:
                node.terminate_backends(name)
            self.nodes[0].execute(f"DROP DATABASE {name}")

    def close(self) -> None:
        """End all nodes and remove their folders; doing it twice is harmless."""
        for node in self.nodes:
            node.close()
