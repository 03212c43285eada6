"""Whatever a handler does to its session, the answer agrees with what others can read."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import Depends
from fastapi.responses import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from holdfast.errors import TransactionAbortedError
from tests.transaction.rig import Rig, on_session, opened
from tests.transaction.store import Item, Store

STEPS = (
    "add",
    "flush",
    "insert",
    "text",
    "duplicate",
    "orphan",
    "error",
    "commit",
    "rollback",
    "savepoint",
    "failing savepoint",
    "undone savepoint",
    "read",
)


class Script:
    """One run of steps, and which rows its author may believe to be kept.

    A row is at stake from the step that wrote it without an error until a rollback that the author
    asked for. Errors are swallowed, as a careless handler would.
    """

    def __init__(self, steps: list[str]) -> None:
        self.steps = steps
        self.at_stake: set[str] = set()
        self.kept: set[str] = set()
        self._number = 0

    def run(self, session: Session) -> None:
        """Do every step."""
        for step in self.steps:
            with suppress(SQLAlchemyError, TransactionAbortedError):
                getattr(self, step.replace(" ", "_"))(session)

    def _name(self) -> str:
        self._number += 1
        return f"row {self._number}"

    def add(self, session: Session) -> None:
        name = self._name()
        session.add(Item(name=name))
        self.at_stake.add(name)

    def flush(self, session: Session) -> None:
        session.flush()

    def insert(self, session: Session) -> None:
        name = self._name()
        session.execute(insert(Item).values(name=name))
        self.at_stake.add(name)

    def text(self, session: Session) -> None:
        name = self._name()
        session.execute(
            text("INSERT INTO item (id, name) VALUES (:id, :name)"),
            {"id": 5000 + self._number, "name": name},
        )
        self.at_stake.add(name)

    def duplicate(self, session: Session) -> None:
        session.execute(insert(Item).values(name="taken"))

    def orphan(self, session: Session) -> None:
        session.execute(insert(Item).values(name=self._name(), parent_id=999))

    def error(self, session: Session) -> None:
        session.execute(text("SELECT nothing FROM nowhere"))

    def commit(self, session: Session) -> None:
        session.commit()
        self.kept |= self.at_stake
        self.at_stake.clear()

    def rollback(self, session: Session) -> None:
        session.rollback()
        self.at_stake.clear()

    def savepoint(self, session: Session) -> None:
        with session.begin_nested():
            self.insert(session)

    def failing_savepoint(self, session: Session) -> None:
        with session.begin_nested():
            self.duplicate(session)

    def undone_savepoint(self, session: Session) -> None:
        savepoint = session.begin_nested()
        session.execute(insert(Item).values(name=self._name()))
        savepoint.rollback()

    def read(self, session: Session) -> None:
        session.scalars(select(Item.name)).all()


async def send(store: Store, script: Script, status: int, mode: str) -> None:
    """Run a script in a handler, and compare the answer with the truth."""
    with opened(store, commit_mode=mode) as rig:

        @rig.app.post("/")
        async def play(
            session: Annotated[Any, Depends(rig.alchemy.provide_session())],
        ) -> Response:
            await on_session(session, script.run)
            return Response(status_code=status)

        recording = await rig.call()
        rig.assert_clean(recording)
        check(rig, script, recording.status, mode)
        if recording.status < 300:
            assert rig.found_at_start == store.names


def check(rig: Rig, script: Script, status: int, mode: str) -> None:
    """A success keeps everything that was at stake; a failure keeps what was committed by hand."""
    present = {name for name in rig.store.names if name.startswith("row")}
    assert script.kept <= present, "what the handler committed itself is there"
    if status < 300 and mode == "autocommit":
        assert script.at_stake <= present, "a success lost a row"
    if status >= 400:
        assert not (present & script.at_stake), "a failure kept a row"


@pytest.mark.parametrize("mode", ["autocommit", "manual"])
@settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(st.sampled_from(STEPS), max_size=7),
    status=st.sampled_from([200, 201, 201, 201, 404]),
)
async def test_the_answer_agrees_with_the_truth(
    store: Store, mode: str, steps: list[str], status: int
) -> None:
    """No sequence of session operations makes a success lose a row or a failure keep one."""
    async with asyncio.timeout(20):
        await send(store, Script(steps), status, mode)
