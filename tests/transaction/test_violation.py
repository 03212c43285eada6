"""Which fields a broken constraint is about, as each database tells it."""

from typing import Any

import pytest
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.transaction.violation import Statement, Violation, violation_of

metadata = MetaData()
author = Table(
    "author",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), nullable=False, unique=True),
    Column("born", Integer, CheckConstraint("born > 0")),
    Column("first", Integer),
    Column("last", Integer),
    Column("nick", String(20)),
    UniqueConstraint("first", "last", name="one_span"),
    CheckConstraint("first <= last", name="span_in_order"),
)
# MariaDB has no index over an expression.
one_nick = Index("one_nick", func.lower(author.c.nick), unique=True).ddl_if(
    callable_=lambda *_, dialect, **__: dialect.name != "mysql"
)
book = Table(
    "book",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("author.id")),
)
review = Table(
    "review",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("author.id")),
    Column("first", Integer),
    Column("last", Integer),
    ForeignKeyConstraint(["first", "last"], ["author.first", "author.last"]),
)

GIVEN = {"id": 1, "name": "Lem", "born": 1, "first": 1, "last": 2, "nick": "Stan"}


@pytest.fixture
async def engine(async_engine: AsyncEngine) -> AsyncEngine:
    async with async_engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(author), GIVEN)
        await connection.execute(insert(book), {"id": 1, "author_id": 1})
    return async_engine


async def violation(engine: AsyncEngine, statement: Any, values: dict[str, Any]) -> Violation:
    async with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(statement, values)
    assert caught.value.orig is not None
    return violation_of(caught.value.orig, Statement(statement.table, statement.is_delete))


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": "Lem"}, ("name",)),
        ({"name": "x", "first": 1, "last": 2}, ("first", "last")),
        ({"name": "x", "nick": "STAN"}, ("nick",)),
        ({"name": None}, ("name",)),
        ({"name": "x", "born": -1}, ("born",)),
        ({"name": "x", "first": 3, "last": 1}, ("first", "last")),
        ({"id": 1, "name": "x"}, ("id",)),
    ],
    ids=["unique", "composite", "expression", "not null", "check", "table check", "primary key"],
)
async def test_the_fields_of_a_constraint_are_named(
    engine: AsyncEngine, values: dict[str, Any], fields: tuple[str, ...]
) -> None:
    """Every database names the columns of a constraint: composite and by expression too."""
    if "nick" in values and engine.dialect.name == "mysql":
        pytest.skip("MariaDB has no index over an expression")
    found = await violation(engine, insert(author), {"id": 2, **values})
    assert found == Violation(fields)


async def test_a_lone_foreign_key_is_named(engine: AsyncEngine) -> None:
    """A table with one foreign key leaves no doubt, though SQLite does not say which."""
    found = await violation(engine, insert(book), {"id": 2, "author_id": 99})
    assert found == Violation(("author_id",))


async def test_what_sqlite_does_not_tell_is_not_made_up(engine: AsyncEngine) -> None:
    """Of several foreign keys SQLite names none, so all are candidates; PostgreSQL names one."""
    found = await violation(engine, insert(review), {"id": 2, "author_id": 99})
    if engine.dialect.name == "sqlite":
        assert found == Violation(candidates=(("author_id",), ("first", "last")))
    else:
        assert found == Violation(("author_id",))


async def test_what_is_still_referred_to_names_no_field(engine: AsyncEngine) -> None:
    """Deleting what another record refers to is about that record, not about a field sent."""
    assert await violation(engine, delete(author), {}) == Violation(referenced=True)


async def test_a_statement_nobody_knows_still_names_columns(engine: AsyncEngine) -> None:
    """Without the table, the database's own words are enough for plain columns.

    MariaDB tells the name of the key alone, which may be any.
    """
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(text("INSERT INTO author (id, name) VALUES (2, 'Lem')"))
    assert caught.value.orig is not None
    told = () if engine.dialect.name == "mysql" else ("name",)
    assert violation_of(caught.value.orig, Statement()) == Violation(told)


def test_attributes_are_named_rather_than_columns() -> None:
    """A field that is stored under another name is named as the model has it."""
    error = _sqlite_error("UNIQUE constraint failed: author.name", "SQLITE_CONSTRAINT_UNIQUE")
    found = violation_of(error, Statement(author, names={"name": "full_name"}))
    assert found == Violation(("full_name",))


CHILD_ROW = (
    "a foreign key constraint fails (`d`.`book`, CONSTRAINT `book_ibfk_1` "
    "FOREIGN KEY (`author_id`) REFERENCES `author` (`id`))"
)


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ((1062, "Duplicate entry 'Lem' for key 'name'"), Violation(("name",))),
        ((1062, "Duplicate entry '1-2' for key 'one_span'"), Violation(("first", "last"))),
        ((1062, "Duplicate entry '1' for key 'PRIMARY'"), Violation(("id",))),
        ((1062, "Duplicate entry '1' for key 'author.PRIMARY'"), Violation(("id",))),
        ((1048, "Column 'name' cannot be null"), Violation(("name",))),
        ((1364, "Field 'name' doesn't have a default value"), Violation(("name",))),
        (
            (4025, "CONSTRAINT `span_in_order` failed for `d`.`author`"),
            Violation(("first", "last")),
        ),
        (
            (1452, f"Cannot add or update a child row: {CHILD_ROW}"),
            Violation(("author_id",)),
        ),
        (
            (1451, f"Cannot delete or update a parent row: {CHILD_ROW}"),
            Violation(referenced=True),
        ),
    ],
)
def test_mariadbs_words_are_understood(args: tuple[int, str], found: Violation) -> None:
    """MariaDB tells key, constraint or column in its message, which drivers pass on as it is."""
    assert violation_of(Exception(*args), Statement(author)) == found


def _sqlite_error(message: str, name: str) -> Exception:
    error = Exception(message)
    vars(error)["sqlite_errorname"] = name
    return error
