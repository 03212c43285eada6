"""The application that `test_signals.py` runs in a process of its own, and ends."""

import asyncio
import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from holdfast import AdvancedAlchemy, EngineConfig, SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from tests.transaction.rig import on_session

__all__ = ("app",)

INSERT = text("INSERT INTO entry VALUES (:number)")
SLEEP = text("SELECT pg_sleep(:seconds)")

make = SQLAlchemySyncConfig if os.environ["BACKEND"].endswith("-sync") else SQLAlchemyAsyncConfig
app = FastAPI()
alchemy = AdvancedAlchemy(
    make(
        connection_string=os.environ["URL"],
        commit_mode="autocommit",
        engine_config=EngineConfig(pool_size=20),
    ),
    app,
    commit_timeout=1,
)


@app.post("/entries/{number}", status_code=201)
async def enter(
    number: int,
    session: Annotated[Any, Depends(alchemy.provide_session())],
    seconds: float = 0,
    *,
    in_database: bool = False,
) -> None:
    """Write a row, and take a while over it before the end."""

    def write(one: Session) -> None:
        one.execute(INSERT, {"number": number})
        if in_database:
            one.execute(SLEEP, {"seconds": seconds})

    await on_session(session, write)
    if not in_database:
        await asyncio.sleep(seconds)
