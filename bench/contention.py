"""Sixteen writers of one row under SERIALIZABLE: what the default policy of retries makes of them.

``python -m bench.contention`` starts a private PostgreSQL and prints a line for each driver.
"""

import asyncio
import time
from collections import Counter
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.testing import client
from tests.engines.postgres import PostgresServer, find_binaries

WRITERS, INCREMENTS = 16, 50


class Base(DeclarativeBase):
    """The table."""


class Count(Base):
    """The row that everybody wants."""

    __tablename__ = "count"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


def application(url: str) -> FastAPI:
    """Return an application that adds one, with the default policy."""
    app = FastAPI()
    engine = create_async_engine(
        url, isolation_level="SERIALIZABLE", pool_size=WRITERS, max_overflow=0
    )
    alchemy = AdvancedAlchemy(
        SQLAlchemyAsyncConfig(engine_instance=engine, commit_mode="autocommit"), app=app
    )

    @app.post("/", dependencies=[Depends(alchemy.options(retry=True))])
    async def increment(
        session: Annotated[AsyncSession, Depends(alchemy.provide_async_session())],
    ) -> None:
        count = (await session.scalars(select(Count))).one()
        count.value += 1

    return app


async def contend(driver: str, server: PostgresServer, database: str) -> str:
    """Let the writers at the row, and say what came of it."""
    url = server.url(driver, database)
    with server.connect(database) as admin:
        admin.execute("DROP TABLE IF EXISTS count")
        admin.execute("CREATE TABLE count (id int PRIMARY KEY, value int)")
        admin.execute("INSERT INTO count VALUES (1, 0)")
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    async with client(application(url)) as http:

        async def write() -> None:
            for _ in range(INCREMENTS):
                began = time.perf_counter()
                statuses[(await http.post("/")).status_code] += 1
                seconds.append(time.perf_counter() - began)

        await asyncio.gather(*(write() for _ in range(WRITERS)))
    with server.connect(database) as admin:
        [final] = admin.execute("SELECT value FROM count").fetchone() or [None]
    seconds.sort()
    share = statuses[200] / len(seconds)
    half, most = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    return (
        f"{driver}: {share:.1%} acknowledged, final value {final} of {statuses[200]}, "
        f"median {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms, answers {dict(statuses)}"
    )


def main() -> None:
    """Measure on each driver."""
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    server = PostgresServer(binaries)
    try:
        with server.fresh_database() as database:
            for driver in ("asyncpg", "psycopg"):
                print(asyncio.run(contend(driver, server, database)))
    finally:
        server.close()


if __name__ == "__main__":
    main()
