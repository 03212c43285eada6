"""An application on a real database, and the order of what happens in it."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from advanced_alchemy.base import metadata_registry
from fastapi import FastAPI
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message

from holdfast import AdvancedAlchemy
from tests import asgi
from tests.recording import Recording
from tests.transaction.store import AnyConfig, Store

__all__ = ("Rig", "on_session", "opened", "until")

T = TypeVar("T")


async def on_session(session: AsyncSession | Session, call: Callable[[Session], T]) -> T:
    """Run a function on a session, where its driver may be used."""
    if isinstance(session, AsyncSession):
        return await session.run_sync(call)
    return await run_in_threadpool(call, session)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for what happens by itself, such as a connection that unwinds.

    Raises:
        TimeoutError: It did not happen.
    """
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


class Rig:
    """An application with the extension on one store.

    Attributes:
        store: The database.
        alchemy: The extension.
        app: The application, to be given routes.
        happened: What happened, in order: `COMMIT` once it has returned, `start` and the status
            when the server sees one, and what handlers add.
        found_at_start: The names another connection found at that moment.
        held_at_start: How many connections were checked out at that moment.
    """

    def __init__(self, store: Store, **options: Any) -> None:
        self.store = store
        self.happened: list[str] = []
        self.found_at_start: set[str] = set()
        self.held_at_start = 0
        self.app = FastAPI()
        names = ("commit_timeout", "statement_timeout", "retry")
        own = {name: options.pop(name) for name in names if name in options}
        self.config: AnyConfig = store.config(**options)
        self.alchemy = AdvancedAlchemy(self.config, app=self.app, **own)

    async def call(self, path: str = "/", method: str = "POST", **options: Any) -> Recording:
        """Send a request to the application, or to the `app` among the options."""
        app: ASGIApp = options.pop("app", self.app)
        return await asgi.request(app, method, path, on_start=self._on_start, **options)

    def _on_start(self, message: Message) -> None:
        self.happened.append(f"start {message['status']}")
        self.found_at_start = self.store.names
        self.held_at_start = self.store.checked_out

    def assert_clean(self, recording: Recording) -> None:
        """Check what holds after every request: at most one answer, and nothing held."""
        assert recording.types.count("http.response.start") <= 1
        assert self.store.checked_out == 0


@contextmanager
def opened(store: Store, **options: Any) -> Generator[Rig]:
    """Give a rig on an emptied store, and watch its COMMITs."""
    store.empty()
    # Where a configuration names tables, Advanced Alchemy makes them those of its bind key.
    tables = metadata_registry.get(None)
    try:
        rig = Rig(store, **options)
        with _watched_commits(store.sync_engine.dialect, rig.happened):
            yield rig
    finally:
        metadata_registry.set(None, tables)
    assert store.checked_out == 0


@contextmanager
def _watched_commits(dialect: Dialect, happened: list[str]) -> Generator[None]:
    """Note every COMMIT after it has returned; the engine's own event comes before."""
    commit = type(dialect).do_commit

    def do_commit(connection: Any) -> None:
        commit(dialect, connection)
        happened.append("COMMIT")

    vars(dialect)["do_commit"] = do_commit
    try:
        yield
    finally:
        vars(dialect).pop("do_commit", None)
