"""Nothing of a request is kept once it is over."""

import gc
from typing import Annotated, Any
from weakref import WeakSet

import pytest
from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.transaction.rig import Rig, on_session, until
from tests.transaction.store import Item


@pytest.mark.parametrize("statement", ["SELECT 1", "DELETE FROM item", "SELECT nothing", None])
async def test_no_session_outlives_its_request(rig: Rig, statement: str | None) -> None:
    """Whatever it did: read, write, fail, or break a constraint at its flush."""
    sessions: WeakSet[Session] = WeakSet()

    def work(session: Session) -> None:
        sessions.add(session)
        if statement is None:
            session.add(Item(name="taken"))
        else:
            session.execute(text(statement))

    @rig.app.post("/")
    async def run(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, work)

    for _ in range(10):
        await rig.call()

    def is_gone() -> bool:
        gc.collect()
        # SQLAlchemy and the event loop may still hold the last.
        return len(sessions) <= 1

    # Timers of drivers hold the context they were made in until their time.
    await until(is_gone)
