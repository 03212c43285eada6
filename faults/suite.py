"""Every fault, in the order of the table."""

from faults import cluster, commits, connections, processes, servers, storage
from faults.fault import Fault

__all__ = ("FAULTS",)

FAULTS: tuple[Fault, ...] = (
    *commits.FAULTS,
    *connections.FAULTS,
    *servers.FAULTS,
    *cluster.FAULTS,
    *storage.FAULTS,
    *processes.FAULTS,
)
