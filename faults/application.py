"""The application under test: one writing handler, wired in any of the ways."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import advanced_alchemy.extensions.fastapi as upstream
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, String, Text, event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import holdfast
from faults.wirings import Wiring
from holdfast import repository, service
from tests.engines.deferrable import deferred_key

__all__ = ("CLIENTS", "Settings", "build")

CLIENTS = 8


class Base(DeclarativeBase):
    """The tables of the application."""


class Entry(Base):
    """What every request writes; two of one name are a request that was executed twice."""

    __tablename__ = "fault_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    parent_id: Mapped[int | None] = mapped_column(deferred_key("fault_entry.id"))
    text: Mapped[str] = mapped_column(Text)


class Counter(Base):
    """What requests contend for, where they are to."""

    __tablename__ = "fault_counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


class EntryService(service.SQLAlchemyAsyncRepositoryService[Any]):
    """Entries, as upstream documents services."""

    class Repository(repository.SQLAlchemyAsyncRepository[Any]):
        """Where they are kept."""

        model_type = Entry

    repository_type = Repository


class EntryIn(BaseModel):
    """A request.

    Attributes:
        name: Unique among the requests of a run.
        orphan: Whether its parent does not exist, which shows at COMMIT.
        work: What is done before it is written.
        pause: Seconds between the flush and the end of the handler.
        length: How long its text is.
    """

    name: str
    orphan: bool = False
    work: str = "nothing"
    pause: float = 0
    length: int = 1

    @property
    def columns(self) -> dict[str, Any]:
        """What is written."""
        parent = -1 if self.orphan else None
        return {"name": self.name, "parent_id": parent, "text": "x" * self.length}


def _count(_: EntryIn) -> list[Any]:
    """Read what every other request writes to."""
    return [select(func.count()).select_from(Entry)]


def _cross(data: EntryIn) -> list[Any]:
    """Lock two rows, half of the requests in the other order."""
    order = sorted((1, 2), reverse=data.name[-1] in "02468")
    increment = {"total": Counter.total + 1}
    return [update(Counter).where(Counter.id == one).values(increment) for one in order]


WORK: Mapping[str, Callable[[EntryIn], list[Any]]] = {
    "nothing": lambda _: [],
    "count": _count,
    "cross": _cross,
}


@dataclass(frozen=True)
class Settings:
    """What an application is told of its database.

    Attributes:
        url: Where it is.
        is_async: Whether the URL is for an async engine.
        engine: Options of the engine.
        extension: Options of the extension, where it is Holdfast's.
        pragmas: What each connection to SQLite begins with.
    """

    url: str
    is_async: bool
    engine: Mapping[str, Any]
    extension: Mapping[str, Any]
    pragmas: Sequence[str]


def build(wiring: Wiring, settings: Settings) -> tuple[FastAPI, Any]:
    """Return the application and its extension.

    Args:
        wiring: How it is wired.
        settings: Its database.
    """
    package: Any = holdfast if wiring.is_holdfast else upstream
    make = package.SQLAlchemyAsyncConfig if settings.is_async else package.SQLAlchemySyncConfig
    # Upstream would wait 30 s for each connection that it has leaked.
    pool = {"pool_size": CLIENTS, "max_overflow": 0, "pool_timeout": 1.0}
    config = make(
        connection_string=settings.url,
        commit_mode="autocommit",
        create_all=True,
        metadata=Base.metadata,
        engine_config=package.EngineConfig(**{**pool, **settings.engine}),
    )
    app = FastAPI()
    extension = settings.extension if wiring.is_holdfast else {}
    alchemy = package.AdvancedAlchemy(config, app, **extension)
    _set_up(_sync_engine(alchemy), settings.pragmas)
    _add_route(app, alchemy, wiring, is_async=settings.is_async)

    @app.get("/out")
    async def out() -> int:
        checked_out: int = alchemy.get_engine().pool.checkedout()
        return checked_out

    return app, alchemy


def _set_up(engine: Engine, pragmas: Sequence[str]) -> None:
    holdfast.SQLitePragmas(busy_timeout=0.3).install(engine)

    @event.listens_for(engine, "connect")
    def begin(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()


def _sync_engine(alchemy: Any) -> Engine:
    engine = alchemy.get_engine()
    return engine.sync_engine if isinstance(engine, AsyncEngine) else engine


def _add_route(app: FastAPI, alchemy: Any, wiring: Wiring, *, is_async: bool) -> None:
    options = []
    if wiring.keys:
        options.append(Depends(alchemy.idempotency(principal=holdfast.PUBLIC)))
    if wiring.retry:
        options.append(Depends(alchemy.options(retry=True)))
    handler: Callable[..., Any]
    if wiring.provider == "service":
        handler = _with_service(alchemy.provide_service(EntryService))
    elif is_async:
        handler = _with_session(alchemy.provide_session())
    else:
        handler = _with_sync_session(alchemy.provide_session())
    app.post("/entries", status_code=201, dependencies=options)(handler)


def _with_session(provide: Any) -> Callable[..., Awaitable[int]]:
    async def create(data: EntryIn, session: Annotated[AsyncSession, Depends(provide)]) -> int:
        for statement in WORK[data.work](data):
            await session.execute(statement)
        entry = Entry(**data.columns)
        session.add(entry)
        await session.flush()
        await asyncio.sleep(data.pause)
        return entry.id

    return create


def _with_service(provide: Any) -> Callable[..., Awaitable[int]]:
    async def create(data: EntryIn, entries: Annotated[EntryService, Depends(provide)]) -> int:
        for statement in WORK[data.work](data):
            await entries.repository.session.execute(statement)
        entry = await entries.create(data.columns)
        await asyncio.sleep(data.pause)
        identity: int = entry.id
        return identity

    return create


def _with_sync_session(provide: Any) -> Callable[..., int]:
    def create(data: EntryIn, session: Annotated[Session, Depends(provide)]) -> int:
        for statement in WORK[data.work](data):
            session.execute(statement)
        entry = Entry(**data.columns)
        session.add(entry)
        session.flush()
        time.sleep(data.pause)
        return entry.id

    return create
