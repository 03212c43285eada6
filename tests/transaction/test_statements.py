"""Telling statements that read from statements that write, by their form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, lambda_stmt, select, text, union_all, update, values
from sqlalchemy.schema import CreateTable, DropTable

from holdfast.transaction.statements import Effect, commits, effect_of, writes
from tests.transaction.store import Item


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO a VALUES (1)",
        "  insert into a values (1)",
        "/* SELECT */ UPDATE a SET b = 1",
        "-- SELECT\nDELETE FROM a",
        "(DELETE FROM a)",
        "WITH b AS (SELECT 1) INSERT INTO a SELECT * FROM b",
        "WITH b AS (DELETE FROM a RETURNING *) SELECT * FROM b",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE a",
        "CREATE TABLE a (b int)",
        "ALTER TABLE a ADD b int",
        "CALL a()",
        "DO $$ BEGIN NULL; END $$",
        "COPY a FROM stdin",
        "EXPLAIN ANALYZE UPDATE a SET b = 1",
        "ANALYZE FORMAT=JSON UPDATE a SET b = 1",
        "/*!50000 INSERT INTO a */ VALUES (1)",
        "# SELECT\nINSERT INTO a VALUES (1)",
    ],
)
def test_sql_that_writes(sql: str) -> None:
    """Comments, blanks, brackets and common table expressions do not hide a write."""
    assert effect_of(text(sql)) is Effect.WRITES
    assert writes(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'DELETE FROM a'",
        'SELECT "update" FROM a',
        "SELECT 1 -- INSERT",
        "SELECT 1 FOR UPDATE",
        "WITH b AS (SELECT 'insert') SELECT * FROM b",
        "WITH b AS (SELECT 1) SELECT * FROM b FOR UPDATE",
        "WITH b AS (SELECT $x$ delete $x$) SELECT * FROM b",
        "VALUES (1)",
        "TABLE a",
        "EXPLAIN SELECT 1",
        "SHOW work_mem",
        "WITH b AS (SELECT `delete` FROM a) SELECT * FROM b",
        "WITH b AS (SELECT 1)\n# delete\nSELECT * FROM b",
    ],
)
def test_sql_that_reads(sql: str) -> None:
    """A word in a string, a name, a comment or a lock is no write."""
    assert effect_of(text(sql)) is Effect.READS
    assert not writes(sql)


@pytest.mark.parametrize("sql", ["SET LOCAL a = 1", "LOCK TABLE a", "SAVEPOINT a", "BEGIN", ""])
def test_sql_that_does_neither(sql: str) -> None:
    """Settings, locks and savepoints change no data, and are no reads."""
    assert effect_of(text(sql)) is Effect.OTHER
    assert not writes(sql)


@pytest.mark.parametrize(
    ("statement", "effect"),
    [
        (select(Item), Effect.READS),
        (select(Item).with_for_update(), Effect.READS),
        (union_all(select(Item.id), select(Item.id)), Effect.READS),
        (select(Item).from_statement(text("SELECT * FROM item")), Effect.READS),
        (select(Item).from_statement(insert(Item).returning(Item)), Effect.WRITES),
        (text("SELECT id FROM item").columns(Item.id), Effect.READS),
        (text("DELETE FROM item RETURNING id").columns(Item.id), Effect.WRITES),
        (values(Item.id, name="v").data([(1,)]).select(), Effect.READS),
        (func.now(), Effect.READS),
        (lambda_stmt(lambda: select(Item)), Effect.READS),
        (lambda_stmt(lambda: delete(Item)), Effect.WRITES),
        (insert(Item), Effect.WRITES),
        (update(Item).values(name="x"), Effect.WRITES),
        (delete(Item), Effect.WRITES),
        (CreateTable(Item.__table__), Effect.WRITES),  # type: ignore[arg-type]
        (DropTable(Item.__table__), Effect.WRITES),  # type: ignore[arg-type]
    ],
)
def test_constructs_are_told_by_their_class(statement: object, effect: Effect) -> None:
    """SQLAlchemy's own constructs, wrapped or not, need no parsing."""
    assert effect_of(statement) is effect  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "ends"),
    [
        ("CREATE TABLE a (b int)", True),
        ("/* here */ drop table a", True),
        ("TRUNCATE a", True),
        ("START TRANSACTION", True),
        ("CREATE OR REPLACE TEMPORARY TABLE a (b int)", False),
        ("DROP TEMPORARY TABLE a", False),
        ("INSERT INTO a VALUES ('create')", False),
        ("WITH a AS (SELECT 1) DELETE FROM b", False),
        ("SAVEPOINT a", False),
        ("", False),
    ],
)
def test_what_ends_a_transaction_on_mariadb(sql: str, ends: bool) -> None:
    """DDL commits what came before, unless only the connection sees what it is about."""
    assert commits(sql) is ends


@given(
    st.sampled_from(["'", '"', "--", "/*", "*/", "$$", "$a$", "\n", "x", " ", ";"]).flatmap(
        lambda one: st.lists(st.just(one) | st.sampled_from("'\"$-/*x \n"), max_size=12).map(
            "".join
        )
    )
)
def test_nothing_in_front_makes_a_write_look_like_a_read(noise: str) -> None:
    """Whatever precedes the first word, a plain INSERT is never taken for a read."""
    assert effect_of(text(f"INSERT INTO a VALUES ('x') {noise}")) is Effect.WRITES
