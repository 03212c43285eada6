"""What OpenTelemetry gets to count, under the names that the documentation lists."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from holdfast import after_commit
from tests.transaction.rig import Rig, on_session
from tests.transaction.store import Item
from tests.transaction.test_attempt import Race, provided, retrying

PAGE = Path(__file__).parents[2] / "docs" / "observability.md"


@pytest.fixture(scope="module")
def reader() -> InMemoryMetricReader:
    """Let an SDK collect in memory; the API's instruments find it whenever they were made.

    It stays for the rest of the process: the API takes one provider, once.
    """
    reader = InMemoryMetricReader()
    set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return reader


def counted(reader: InMemoryMetricReader) -> dict[tuple[str, str], int]:
    """Return what was counted so far, by instrument and by its one attribute."""
    data = reader.get_metrics_data()
    found: dict[tuple[str, str], int] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics if scope.scope.name == "holdfast" else ():
                for point in metric.data.data_points:
                    value: Any = getattr(point, "count", None) or getattr(point, "value", 0)
                    attributes = point.attributes or {}
                    found[metric.name, ",".join(map(str, attributes.values()))] = int(value)
    return found


@pytest.mark.parametrize("store", ["asyncpg"], indirect=True)
async def test_what_happens_is_counted(rig: Rig, reader: InMemoryMetricReader) -> None:
    """A retry, a failure, hooks and waits each add to their instrument."""
    race = Race(rig)

    @rig.app.post("/race", **retrying(rig))
    async def write(session: Annotated[Any, provided(rig)]) -> None:
        await race(session)

    def fail() -> None:
        raise ValueError

    @rig.app.post("/taken")
    async def take(session: Annotated[Any, provided(rig)]) -> None:
        await on_session(session, lambda one: one.add(Item(name="taken")))

    @rig.app.post("/hooks")
    async def hook(session: Annotated[Any, provided(rig)]) -> None:
        await on_session(session, lambda one: one.add(Item(name="new")))
        after_commit(session, fail)
        after_commit(session, str)

    before = counted(reader)
    for path in ("/race", "/taken", "/hooks"):
        await rig.call(path)
    after = counted(reader)
    assert {key: after[key] - before.get(key, 0) for key in after} == {
        ("holdfast.request.retries", "POST"): 1,
        ("holdfast.transaction.failures", "unique-violation"): 1,
        ("holdfast.hooks", "failed"): 1,
        ("holdfast.hooks", "done"): 1,
        ("holdfast.connection.wait", "default"): 4,
    }


def test_the_page_lists_the_instruments() -> None:
    """The documentation names every instrument there is, and no other."""
    source = (Path(__file__).parents[2] / "src/holdfast/transaction/metrics.py").read_text()
    made = set(re.findall(r'"(holdfast\.[a-z.]+)",', source))
    listed = set(re.findall(r"^\| `(holdfast\.[a-z.]+)`", PAGE.read_text(), re.MULTILINE))
    assert made == listed
