"""The fault suite of `make faults`, in short: Holdfast's side of it, with few requests."""

from collections.abc import Generator
from pathlib import Path

import pytest
from advanced_alchemy.base import metadata_registry

from faults.fault import Fault, Scale, run
from faults.report import PAGE
from faults.sites import Engines
from faults.suite import FAULTS
from faults.wirings import UPSTREAM, Wiring

SCALE = Scale(least=24, after=8)
# These take seconds by their nature.
LEFT_OUT = {"failover-applied", "failover-asynchronous", "galera-other", "galera-quorum"}
WITH_KEYS_ALONE = {"failover", "galera-node", "server-sigterm", "server-sigkill", "sqlite-locked"}


def is_in_short_form(fault: Fault, wiring: Wiring, backend: str) -> bool:
    """Choose one driver for each fault, and one wiring where it takes long."""
    if fault.name in LEFT_OUT or backend != fault.backends[0] or not wiring.is_holdfast:
        return False
    return wiring.keys or fault.name not in WITH_KEYS_ALONE


CELLS = [
    pytest.param(fault, wiring, id=f"{fault.name}-{wiring.name.replace(', ', '-')}-{backend}")
    for fault in FAULTS
    for wiring, backend in fault.combinations()
    if is_in_short_form(fault, wiring, backend)
]


@pytest.fixture(autouse=True)
def default_tables() -> Generator[None]:
    """Give back the default tables: a configuration that names its own replaces them for all."""
    default = metadata_registry.get(None)
    yield
    metadata_registry.set(None, default)


@pytest.fixture
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Engines:
    """Give the engines of the whole run."""
    return Engines(
        lambda: request.getfixturevalue("postgres"),
        lambda: request.getfixturevalue("mariadb"),
        lambda: request.getfixturevalue("galera"),
        tmp_path,
    )


@pytest.mark.parametrize(("fault", "wiring"), CELLS)
async def test_a_fault_breaks_no_promise(fault: Fault, wiring: Wiring, engines: Engines) -> None:
    """What was acknowledged is there once, what was denied is not, and no connection is out."""
    cell = await run(fault, wiring, fault.backends[0], engines, SCALE)
    assert cell.failings == [], dict(cell.counts)


async def test_a_broken_promise_is_seen_on_asyncpg(engines: Engines) -> None:
    """Upstream acknowledges before COMMIT, and the suite counts what that loses."""
    wiring = UPSTREAM[0]  # the other one leaks connections, which later tests would be told of
    [fault] = [fault for fault in FAULTS if fault.name == "deferred-constraint"]
    cell = await run(fault, wiring, "asyncpg", engines, SCALE)
    assert cell.lost == len(cell.acknowledged) - len(cell.names) > 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_page_is_of_this_suite(fault: Fault) -> None:
    """It has a row for each run, and no row of Holdfast's but the limit's breaks the promise."""
    lines = PAGE.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    of_fault = {(row[1], row[2]): row for row in rows if row[0] == fault.title}
    combinations = fault.combinations()
    assert of_fault.keys() == {(wiring.name, backend) for wiring, backend in combinations}
    for wiring, backend in combinations:
        if wiring.is_holdfast and not fault.is_limit:
            assert set(of_fault[wiring.name, backend][6:10]) <= {"0", "-"}
