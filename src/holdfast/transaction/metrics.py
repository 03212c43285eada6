"""What happens to transactions, as OpenTelemetry counts it; without an SDK nothing is recorded.

The names are listed in ``docs/observability.md``.
"""

from opentelemetry.metrics import get_meter

__all__ = (
    "commit_failed",
    "connection_taken",
    "hook_ran",
    "replayed",
    "retried",
)

_meter = get_meter("holdfast")

_failures = _meter.create_counter(
    "holdfast.transaction.failures",
    unit="{transaction}",
    description="Transactions whose answer was withheld or refused, by problem code.",
)
_retries = _meter.create_counter(
    "holdfast.request.retries",
    unit="{attempt}",
    description="Further attempts at a request whose transaction met a concurrent change.",
)
_replays = _meter.create_counter(
    "holdfast.idempotency.replays",
    unit="{request}",
    description="Requests that were answered with the stored answer of an earlier one.",
)
_hooks = _meter.create_counter(
    "holdfast.hooks", unit="{hook}", description="After-commit hooks that ran, by outcome."
)
_waits = _meter.create_histogram(
    "holdfast.connection.wait",
    unit="s",
    description="How long sessions waited for a connection.",
)


def commit_failed(code: str) -> None:
    """Count a transaction that was answered with a problem."""
    _failures.add(1, {"holdfast.problem": code})


def retried(method: str) -> None:
    """Count a further attempt at a request."""
    _retries.add(1, {"http.request.method": method})


def replayed() -> None:
    """Count a request that was answered with a stored answer."""
    _replays.add(1)


def hook_ran(*, failed: bool) -> None:
    """Count an after-commit hook."""
    _hooks.add(1, {"holdfast.outcome": "failed" if failed else "done"})


def connection_taken(seconds: float, bind_key: str) -> None:
    """Record how long a session waited for its connection."""
    _waits.record(seconds, {"holdfast.bind_key": bind_key})
