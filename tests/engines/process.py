"""Running a server as a child: on a port that is free, as a user that it agrees to run as."""

import os
import pwd
import random
import socket
from contextlib import suppress
from typing import TypedDict

__all__ = ("Identity", "free_port", "low_ports", "unprivileged")

# Above these the system takes ports for outgoing connections, also of a server that is restarted.
_LOW_PORTS = range(20_000, 32_000)


class Identity(TypedDict, total=False):
    """What `subprocess` takes to run a child as somebody else."""

    user: str
    group: int
    extra_groups: list[int]


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def low_ports(count: int) -> list[int]:
    """Return ports on 127.0.0.1 that nobody listens on, and that no client will be given."""
    found: list[int] = []
    start = random.choice(_LOW_PORTS)
    for port in (*range(start, _LOW_PORTS.stop), *range(_LOW_PORTS.start, start)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"Fewer than {count} ports are free: end what listens on them.")


def unprivileged(*names: str) -> Identity:
    """Return the first of these users that exists, or nothing where root is not who asks.

    Args:
        names: Users of the system, by preference.

    Raises:
        RuntimeError: Root asks, and there is no such user.
    """
    if os.geteuid() != 0:
        return {}
    for name in names:
        with suppress(KeyError):
            return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    raise RuntimeError(f"It cannot run as root, and there is no user {' or '.join(names)}.")
