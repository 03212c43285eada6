"""A process that is told to stop, or is killed: nothing that was acknowledged is lost."""

import asyncio
import signal
from collections.abc import Generator
from itertools import count
from time import perf_counter

import httpx2
import pytest

from tests.engines.database import Database
from tests.engines.uvicorn import Uvicorn
from tests.transaction.rig import until

CLIENTS = 12

two_drivers = pytest.mark.parametrize(
    "postgres_database", ["asyncpg", "psycopg-sync"], indirect=True
)


@pytest.fixture
def server(postgres_database: Database, request: pytest.FixtureRequest) -> Generator[Uvicorn]:
    """Serve an empty table; a parameter is the grace period."""
    database = postgres_database
    database.query("CREATE TABLE entry (number int PRIMARY KEY)")
    environment = {"BACKEND": database.backend, "URL": database.url}
    grace: int = getattr(request, "param", 5)
    with Uvicorn("tests.wiring.signalled:app", environment, grace=grace) as server:
        yield server


def entries(database: Database) -> set[int]:
    return {number for (number,) in database.query("SELECT number FROM entry")}


def backends(database: Database) -> int:
    where = f"datname = '{database.name}' AND pid <> pg_backend_pid()"
    rows = database.query(f"SELECT count(*) FROM pg_stat_activity WHERE {where}")
    return int(rows[0][0])


async def send(server: Uvicorn, numbers: range, **options: float) -> list[int | None]:
    """Send requests at once, and return their statuses; None where no answer came."""

    async def one(number: int) -> int | None:
        try:
            answer = await client.post(f"/entries/{number}", params=options)
        except httpx2.TransportError:
            return None
        return answer.status_code

    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
        return await asyncio.gather(*(one(number) for number in numbers))


async def acknowledged_under_load(server: Uvicorn) -> set[int]:
    """Send one request after another from many clients, until the server is gone."""
    numbers, acknowledged = count(), set[int]()

    async def work() -> None:
        async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
            for number in numbers:
                try:
                    answer = await client.post(f"/entries/{number}")
                except httpx2.TransportError:
                    return
                assert answer.status_code == 201
                acknowledged.add(number)

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return acknowledged


async def test_requests_at_work_are_finished(server: Uvicorn, postgres_database: Database) -> None:
    """What takes less than the grace period is answered and kept, and no connection is left."""
    sending = asyncio.create_task(send(server, range(CLIENTS), seconds=1))
    await until(lambda: backends(postgres_database) >= CLIENTS)
    server.terminate()
    assert await sending == [201] * CLIENTS
    assert await asyncio.to_thread(server.wait) == -signal.SIGTERM
    assert "Traceback" not in server.log
    assert entries(postgres_database) == set(range(CLIENTS))
    await until(lambda: backends(postgres_database) == 0)


@pytest.mark.parametrize(
    ("postgres_database", "in_database"),
    [("asyncpg", False), ("asyncpg", True), ("psycopg", True), ("psycopg-sync", True)],
    indirect=["postgres_database"],
)
@pytest.mark.parametrize("server", [1], indirect=True)
async def test_what_takes_too_long_is_undone(
    server: Uvicorn, postgres_database: Database, *, in_database: bool
) -> None:
    """Past the grace period requests get no answer and leave no row, nor hold up the end."""
    sending = asyncio.create_task(send(server, range(CLIENTS), seconds=20, in_database=in_database))
    await until(lambda: backends(postgres_database) >= CLIENTS)
    start = perf_counter()
    server.terminate()
    assert 201 not in await sending
    await asyncio.to_thread(server.wait)
    assert perf_counter() - start < 6
    assert entries(postgres_database) == set()
    await until(lambda: backends(postgres_database) == 0)


@two_drivers
async def test_a_stop_under_load_loses_nothing(
    server: Uvicorn, postgres_database: Database
) -> None:
    """Every request that was answered is in the table, and none that was not."""
    load = asyncio.create_task(acknowledged_under_load(server))
    await until(lambda: len(entries(postgres_database)) > 5 * CLIENTS)
    server.terminate()
    acknowledged = await load
    await asyncio.to_thread(server.wait)
    assert entries(postgres_database) == acknowledged
    await until(lambda: backends(postgres_database) == 0)


@two_drivers
async def test_a_kill_under_load_loses_nothing(
    server: Uvicorn, postgres_database: Database
) -> None:
    """What was answered is there; beyond it at most what was at work at that moment."""
    load = asyncio.create_task(acknowledged_under_load(server))
    await until(lambda: len(entries(postgres_database)) > 5 * CLIENTS)
    server.kill()
    acknowledged = await load
    await until(lambda: backends(postgres_database) == 0)
    kept = entries(postgres_database)
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= CLIENTS
