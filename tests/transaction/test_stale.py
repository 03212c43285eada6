"""A row that another has changed since it was read: 409, or 412 under If-Match."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column

from tests.transaction.rig import Rig, on_session


class Base(DeclarativeBase):
    """The table of these tests."""


class Page(Base):
    """A row that counts its versions."""

    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column("parent_id")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - a class, before it is one
        return {"version_id_col": cls.version}


@pytest.mark.parametrize(("headers", "status"), [({}, 409), ({"if-match": '"1"'}, 412)])
async def test_a_stale_row_is_a_conflict(rig: Rig, headers: dict[str, str], status: int) -> None:
    """Nothing is changed, and the answer says to read again."""
    rig.store.database.query("INSERT INTO item (id, name, parent_id) VALUES (1, 'old', 1)")

    def change(session: Session) -> None:
        page = session.scalars(select(Page).where(Page.id == 1)).one()
        page.name = "new"
        # What another request would have done, which SQLite has wait for this one.
        session.connection().execute(text("UPDATE item SET parent_id = 1000"))

    @rig.app.put("/")
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        await on_session(session, change)

    recording = await rig.call(method="PUT", headers=headers)
    assert (recording.status, recording.json["type"]) == (
        status,
        "urn:holdfast:problem:stale-record",
    )
    assert rig.store.names == {"old"}
    rig.assert_clean(recording)
