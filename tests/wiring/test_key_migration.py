"""The table of idempotency keys is made, and unmade, by migrations like any other."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from holdfast.errors import ConfigurationError
from tests import asgi
from tests.engines.database import Database
from tests.wiring.test_cli import alchemy

SHOP = '''
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import PUBLIC, AdvancedAlchemy, AlembicAsyncConfig, SQLAlchemyAsyncConfig


class Base(DeclarativeBase):
    """Tables of its own, that no other test sees."""


class Sale(Base):
    """Something that was sold."""

    __tablename__ = "sale"

    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str]


alchemy = SQLAlchemyAsyncConfig(
    connection_string="{url}",
    commit_mode="autocommit",
    metadata=Base.metadata,
    alembic_config=AlembicAsyncConfig(script_location="migrations"),
)
app = FastAPI()
shop = AdvancedAlchemy(alchemy, app=app)


@app.post("/sales", dependencies=[Depends(shop.idempotency(principal=PUBLIC))])
async def sell(session: Annotated[Any, Depends(shop.provide_session())]) -> int:
    sale = Sale(article="tea")
    session.add(sale)
    await session.flush()
    return sale.id
'''
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'holdfast%'"


async def test_a_migration_makes_the_table_of_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by autogenerate once, applied, used by the application, and taken back."""
    database = Database.sqlite("aiosqlite", tmp_path / "test.sqlite")
    (tmp_path / "settings.py").write_text(SHOP.format(url=database.url))
    alchemy(tmp_path, "init", "--no-prompt", "migrations")
    alchemy(tmp_path, "make-migrations", "--no-prompt", "-m", "first")
    alchemy(tmp_path, "upgrade", "--no-prompt")
    assert database.query(TABLES) == [("holdfast_idempotency",)]
    # The migration and the metadata agree: there is nothing more to do.
    alchemy(tmp_path, "check")

    monkeypatch.syspath_prepend(tmp_path)
    settings = import_module("settings")
    monkeypatch.delitem(sys.modules, "settings")
    headers = {"idempotency-key": "k1"}
    async with settings.shop.lifespan(settings.app):
        first = await asgi.request(settings.app, "POST", "/sales", headers=headers)
        again = await asgi.request(settings.app, "POST", "/sales", headers=headers)
    assert (first.status, again.json) == (200, first.json)
    assert again.headers["idempotency-replayed"] == "true"

    alchemy(tmp_path, "downgrade", "--no-prompt", "base")
    assert database.query(TABLES) == []
    with pytest.raises(ConfigurationError, match="make-migrations"):
        async with settings.shop.lifespan(settings.app):
            pass
