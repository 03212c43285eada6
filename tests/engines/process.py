"""Running a server as a child: on a port that is free, as a user that it agrees to run as."""

import os
import pwd
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from typing import TypedDict

__all__ = ("Identity", "free_port", "unprivileged")

# Above these the system takes ports for outgoing connections, also of a server that is restarted.
_LOW_PORTS = range(20_000, 32_000)


def _candidates() -> Iterator[int]:
    """Give the ports of this process again and again, so that each returns as late as can be.

    Processes that share a run have none in common.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = _LOW_PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = random.randrange(len(own))
    return cycle((*own[start:], *own[:start]))


_PORTS = _candidates()


class Identity(TypedDict, total=False):
    """What `subprocess` takes to run a child as somebody else."""

    user: str
    group: int
    extra_groups: list[int]


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on, and that no client will be given."""
    for port in islice(_PORTS, len(_LOW_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("No port is free: end what listens on them.")


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
