"""A service that takes orders under idempotency keys, and the faults that strike them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI
from sqlalchemy import String, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import PUBLIC, AdvancedAlchemy, SQLAlchemyAsyncConfig
from tests import asgi
from tests.engines.database import Database
from tests.engines.proxy import Proxy
from tests.recording import Recording

__all__ = ("BEFORE_COMMIT", "IN_COMMIT", "KILLS", "Fault", "Shop", "opened")

COMMIT_TIMEOUT = 0.25
BRIEFLY, LONG = 0.1, 0.4
TALLY = "UPDATE tally SET value = value + 1"

Point = Literal["arrived", "read", "written"]
POINTS: tuple[Point, ...] = ("arrived", "read", "written")


class Base(DeclarativeBase):
    """The tables of the service."""


class Order(Base):
    """An order. Nothing but the keys keeps it from being there twice."""

    __tablename__ = "placed_order"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))


class Tally(Base):
    """How many orders there are, so that any two of them conflict."""

    __tablename__ = "tally"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong once.

    Attributes:
        kind: The method of `Shop` that does it.
        point: How far the request has come.
    """

    kind: str
    point: Point


IN_COMMIT = [
    *(Fault(f"lose_{what}", "arrived") for what in ("reply", "reply_silently", "request")),
    Fault("swallow", "written"),
]
BEFORE_COMMIT = [
    *(Fault("swallow_briefly", point) for point in POINTS),
    *(Fault("reset", point) for point in POINTS),
    *(Fault("terminate", point) for point in POINTS),
    Fault("conflict", "read"),
]
KILLS = [Fault("kill", point) for point in POINTS]


@dataclass
class Shop:
    """The service, behind a proxy, on a database that can be broken.

    Attributes:
        database: The way in that is none of the service's.
        proxy: What its connections pass.
        engine: Its engine.
        app: The service.
        raised: How often somebody else has raised the tally.
        down: Whether the server was killed, and has not been started again.
        executed: How often an order was executed, for its answer to be told from another's.
    """

    database: Database
    proxy: Proxy
    engine: AsyncEngine
    app: FastAPI
    raised: int = 0
    down: bool = False
    executed: int = 0
    _fault: Fault | None = None
    _healing: list[asyncio.TimerHandle] = field(default_factory=list[asyncio.TimerHandle])

    async def post(self, names: list[str], fault: Fault | None = None) -> list[Recording]:
        """Order things at once, each under its name as its key, while a fault strikes once."""
        self._fault = fault
        await self.strike("arrived")
        found = await asyncio.gather(*map(self._post, names))
        self._fault = None
        if self.down:
            await self.start()
        return found

    async def _post(self, name: str) -> Recording:
        headers = {"idempotency-key": name}
        return await asgi.request(self.app, "POST", f"/orders?name={name}", headers=headers)

    async def strike(self, point: Point) -> None:
        """Let the fault happen, if this is its moment."""
        fault = self._fault
        if fault is not None and fault.point == point:
            self._fault = None
            await getattr(self, fault.kind)()

    async def lose_reply(self) -> None:
        self.proxy.lose_reply(b"COMMIT")

    async def lose_reply_silently(self) -> None:
        self.proxy.lose_reply(b"COMMIT", silent=True)

    async def lose_request(self) -> None:
        self.proxy.lose_request(b"COMMIT")

    async def reset(self) -> None:
        self.proxy.reset()

    async def swallow_briefly(self) -> None:
        self._swallow(BRIEFLY)

    async def swallow(self) -> None:
        self._swallow(LONG)

    def _swallow(self, seconds: float) -> None:
        self.proxy.black_hole()
        loop = asyncio.get_running_loop()
        self._healing.append(loop.call_later(seconds, self.proxy.heal))

    async def terminate(self) -> None:
        await asyncio.to_thread(self.server.terminate_backends, self.database.name)

    async def conflict(self) -> None:
        await asyncio.to_thread(self.database.query, TALLY)
        self.raised += 1

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill9)
        self.down = True

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)
        self.down = False

    @property
    def server(self) -> Any:
        """The server, of either kind."""
        return self.database.server

    def orders(self) -> dict[str, int]:
        """Return how often each order is there, and make sure that they are all counted."""
        rows = self.database.query(
            "SELECT name, count(*) FROM placed_order GROUP BY name "
            "UNION ALL SELECT '', value FROM tally"
        )
        found = dict(rows)
        assert found.pop("") - self.raised == sum(found.values()), "a transaction was cut in half"
        return found

    async def calm(self) -> None:
        """End every fault."""
        for timer in self._healing:
            timer.cancel()
        self._healing.clear()
        self.proxy.heal()
        self.proxy.lose_nothing()
        if self.down:
            await self.start()

    def empty(self) -> None:
        """Start afresh."""
        for table in ("placed_order", "holdfast_idempotency"):
            self.database.query(f"DELETE FROM {table}")
        self.database.query("UPDATE tally SET value = 0")
        self.raised = 0

    @property
    def checked_out(self) -> int:
        """How many connections are with somebody."""
        held: int = self.engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined]
        return held


def _refuse_lost_updates(connection: Any, _: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET innodb_snapshot_isolation = ON")


def _serve(alchemy: AdvancedAlchemy, app: FastAPI, shop: Callable[[], Shop]) -> None:
    keys = Depends(alchemy.idempotency(principal=PUBLIC, wait=0.5))

    @app.post("/orders", status_code=201, dependencies=[keys])
    async def order(
        name: str, session: Annotated[AsyncSession, Depends(alchemy.provide_session())]
    ) -> dict[str, Any]:
        tally = await session.get_one(Tally, 1)
        await shop().strike("read")
        tally.value += 1
        placed = Order(name=name)
        session.add(placed)
        await session.flush()
        await shop().strike("written")
        shop().executed += 1
        return {"id": placed.id, "name": name, "execution": shop().executed}


@asynccontextmanager
async def opened(database: Database) -> AsyncGenerator[Shop]:
    """Open the service on an empty database."""
    assert database.server is not None
    async with Proxy(database.server.port) as proxy:
        url = database.server.url(database.backend, database.name, port=proxy.port)
        options = {} if database.is_mariadb else {"isolation_level": "SERIALIZABLE"}
        engine = create_async_engine(url, pool_size=4, max_overflow=0, pool_timeout=1, **options)
        if database.is_mariadb:
            event.listen(engine.sync_engine, "connect", _refuse_lost_updates)
        app = FastAPI()
        config = SQLAlchemyAsyncConfig(
            engine_instance=engine, commit_mode="autocommit", metadata=Base.metadata
        )
        shop = Shop(database, proxy, engine, app)
        alchemy = AdvancedAlchemy(config, app=app, commit_timeout=COMMIT_TIMEOUT)
        _serve(alchemy, app, lambda: shop)
        await config.create_all_metadata()
        database.query("INSERT INTO tally (id, value) VALUES (1, 0)")
        async with alchemy.lifespan(app):
            yield shop
        await engine.dispose()
