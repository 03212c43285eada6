"""`holdfast.testing.count_statements`, on every kind of target."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.schema import Column, MetaData, Table
from sqlalchemy.types import Integer

from holdfast.testing import count_statements

rows = Table("rows", MetaData(), Column("id", Integer, primary_key=True))


async def test_statements_of_an_async_engine_are_collected(async_engine: AsyncEngine) -> None:
    """Each statement within the block is there once, in order; BEGIN and COMMIT are not."""
    with count_statements(async_engine) as statements:
        async with async_engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.execute(text("SELECT 2"))
    assert statements == ["SELECT 1", "SELECT 2"]


def test_statements_of_a_sync_engine_are_collected(sync_engine: Engine) -> None:
    """Collecting starts and ends with the block."""
    with sync_engine.connect() as connection:
        connection.execute(text("SELECT 0"))
        with count_statements(sync_engine) as statements:
            connection.execute(text("SELECT 1"))
        connection.execute(text("SELECT 2"))
    assert statements == ["SELECT 1"]


def test_a_begin_of_ones_own_is_no_statement(sync_engine: Engine) -> None:
    """What only begins the transaction does not count, sent by whomever."""
    with sync_engine.connect() as connection, count_statements(sync_engine) as statements:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT 1"))
        connection.rollback()
    assert statements == ["SELECT 1"]


def test_many_sets_of_parameters_are_one_statement(sync_engine: Engine) -> None:
    """An executemany counts once."""
    rows.metadata.create_all(sync_engine)
    with count_statements(sync_engine) as statements, sync_engine.begin() as connection:
        connection.execute(insert(rows), [{"id": 1}, {"id": 2}])
    assert len(statements) == 1


def test_a_failed_statement_counts(sync_engine: Engine) -> None:
    """What the database refused was sent all the same."""
    with (
        count_statements(sync_engine) as statements,
        sync_engine.connect() as connection,
        pytest.raises(DBAPIError),
    ):
        connection.execute(text("SELECT * FROM nowhere"))
    assert statements == ["SELECT * FROM nowhere"]


async def test_a_session_stands_for_its_engine(async_engine: AsyncEngine) -> None:
    """An async session, or the sync one inside it, is as good as the engine."""
    async with AsyncSession(async_engine) as session:
        with count_statements(session) as one, count_statements(session.sync_session) as other:
            await session.execute(text("SELECT 1"))
    assert one == other == ["SELECT 1"]


def test_a_session_on_a_connection_stands_for_its_engine(sync_engine: Engine) -> None:
    """A session bound to one connection is found out through it."""
    with (
        sync_engine.connect() as connection,
        Session(connection) as session,
        count_statements(session) as statements,
    ):
        session.execute(text("SELECT 1"))
    assert statements == ["SELECT 1"]


@dataclass
class Config:
    engine: Engine

    def get_engine(self) -> Engine:
        return self.engine


@dataclass
class Alchemy:
    config: list[Config]


def test_an_extension_stands_for_all_its_engines() -> None:
    """Statements on every configured engine are collected."""
    configs = [Config(create_engine("sqlite://")) for _ in range(2)]
    with count_statements(Alchemy(configs)) as statements:
        for number, config in enumerate(configs):
            with config.engine.connect() as connection:
                connection.execute(text(f"SELECT {number}"))
            config.engine.dispose()
    assert statements == ["SELECT 0", "SELECT 1"]
