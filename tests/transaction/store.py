"""A table on a real database, and whether anything of it is left in the hands of a request."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, String
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from tests.engines.database import Database
from tests.engines.deferrable import deferred_key

__all__ = ("Base", "Item", "Store")

AnyConfig = SQLAlchemyAsyncConfig | SQLAlchemySyncConfig


class Base(DeclarativeBase):
    """The tables of these tests."""


class Item(Base):
    """A row whose every constraint can be broken, one of them only at COMMIT.

    MariaDB checks that one at once too: it can defer none.
    """

    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    parent_id: Mapped[int | None] = mapped_column(deferred_key("item.id"))
    children: Mapped[list["Item"]] = relationship(order_by="Item.name")


@dataclass(frozen=True)
class Store:
    """One database with its engine, for all tests of a module.

    Attributes:
        database: The second way in, which is none of the application's.
        engine: The application's.
    """

    database: Database
    engine: AsyncEngine | Engine

    @property
    def sync_engine(self) -> Engine:
        """Where events and dialect are."""
        return self.engine.sync_engine if isinstance(self.engine, AsyncEngine) else self.engine

    async def prepare(self) -> None:
        """Create the table."""
        if isinstance(self.engine, AsyncEngine):
            async with self.engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
        else:
            Base.metadata.create_all(self.engine)

    def empty(self) -> None:
        """Leave one row, whose name is taken."""
        if self.database.is_mariadb:
            # It looks at every row by itself, not at what the statement leaves.
            self.database.query("UPDATE item SET parent_id = NULL")
        self.database.query("DELETE FROM item")
        self.database.query("INSERT INTO item (id, name) VALUES (1000, 'taken')")

    async def dispose(self) -> None:
        """Close the pool."""
        if isinstance(self.engine, AsyncEngine):
            await self.engine.dispose()
        else:
            self.engine.dispose()

    def config(self, **options: Any) -> AnyConfig:
        """Return a configuration for the engine, by default one that commits."""
        options = {"commit_mode": "autocommit", **options}
        if isinstance(self.engine, AsyncEngine):
            return SQLAlchemyAsyncConfig(engine_instance=self.engine, **options)
        return SQLAlchemySyncConfig(engine_instance=self.engine, **options)

    @property
    def names(self) -> set[str]:
        """The names that are committed, beside the one that was there."""
        return {name for (name,) in self.database.query("SELECT name FROM item")} - {"taken"}

    @property
    def checked_out(self) -> int:
        """How many connections are with somebody."""
        checked_out: int = self.sync_engine.pool.checkedout()  # type: ignore[attr-defined]
        return checked_out
