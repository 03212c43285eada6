"""Keyset pagination: nothing is shown twice or left out, and an index answers it."""

import functools
from collections import Counter
from collections.abc import Generator
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import (
    Engine,
    ForeignKey,
    Index,
    String,
    delete,
    event,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.types import Interval, LargeBinary, Text, TypeDecorator
from typing_extensions import override

from holdfast.errors import ConfigurationError
from holdfast.query.keyset import check_cursor_order
from holdfast.query.pages import FetchedPage, fetch_page
from holdfast.query.sort import declared_sort, default_order, parse_order
from tests.library import ENGINES, engine_for


class Base(DeclarativeBase):
    """The tables of these tests alone."""


class Group(Base):
    """What a row may refer to."""

    __tablename__ = "keyset_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(10))


class Row(Base):
    """A row with keys that may be equal, and two that may be missing."""

    __tablename__ = "keyset_row"

    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int | None]
    b: Mapped[str] = mapped_column(String(10))
    c: Mapped[int]
    group_id: Mapped[int | None] = mapped_column(ForeignKey("keyset_group.id"))
    group: Mapped[Group | None] = relationship()


class Indexed(Base):
    """A row with indexes that match orders."""

    __tablename__ = "keyset_indexed"
    __table_args__ = (
        Index("keyset_one_way", "a", "id"),
        Index("keyset_both_ways", "b", text("a DESC"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int]
    b: Mapped[int]


ROW_KEYS = declared_sort(Row, [Row.a, Row.b, Row.c, (Row.group, Group.name)])
SORTS = [
    "a",
    "-a",
    "b,-c",
    "-b,-c",
    "c,a,-b",
    "-a,-b",
    "group.name",
    "-group.name,a",
    "c",
]


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine with empty tables."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all([Group(id=1, name="one"), Group(id=2, name="two")])
            session.commit()
        yield engine


values = st.fixed_dictionaries(
    {
        "a": st.none() | st.integers(0, 2),
        "b": st.sampled_from(["", "x", "X", "y"]),
        "c": st.integers(0, 2),
        "group_id": st.none() | st.integers(1, 2),
    }
)


class Walk(RuleBasedStateMachine):
    """Pages of a list, forwards to its end and back, while its rows come, change and go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.next_id = 1
        self.seen: Counter[int] = Counter()
        self.steady: set[int] = set()
        self.since_page: set[int] = set()
        self.page: FetchedPage[Row] | None = None
        self.backwards = False

    @initialize(
        sort=st.sampled_from(SORTS),
        limit=st.integers(1, 3),
        rows=st.lists(values, min_size=4, max_size=9),
    )
    def begin(self, sort: str, limit: int, rows: list[dict[str, Any]]) -> None:
        self.order = parse_order(sort, ROW_KEYS, default_order(None, ROW_KEYS, Row), Row)
        self.limit = limit
        self._execute(delete(Row))
        for row in rows:
            self.insert(row)
        self._turn(backwards=False)

    @rule(row=values)
    def insert(self, row: dict[str, Any]) -> None:
        # Before and after the others, so that a tie may fall on either side.
        sign = 1 if self.next_id % 2 else -1
        self._execute(insert(Row).values(id=sign * self.next_id, **row))
        self.next_id += 1

    @precondition(lambda self: self.steady)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gone = self._unsteady(data)
        self._execute(delete(Row).where(Row.id == gone))

    @precondition(lambda self: self.steady)
    @rule(data=st.data(), row=values)
    def change(self, data: st.DataObject, row: dict[str, Any]) -> None:
        changed = self._unsteady(data)
        self._execute(update(Row).where(Row.id == changed).values(**row))

    @rule()
    def read(self) -> None:
        """Read one page on, and at the end turn."""
        if self.page is None:
            cursor = None
        elif self.backwards:
            cursor = self.page.previous_cursor
        else:
            cursor = self.page.next_cursor
        if self.page is None or cursor is not None:
            with Session(self.engine) as session:
                self.page = fetch_page(
                    session, select(Row), order=self.order, limit=self.limit, cursor=cursor
                )
            self.seen.update(row.id for row in self.page.rows)
            self.since_page = set(self._ids())
            return
        self._check()
        self._turn(backwards=not self.backwards)

    @override
    def teardown(self) -> None:
        # Whatever was begun is read to its end, so that every run checks something.
        if self.page is not None:
            for _ in range(100):
                at_end = self.page.previous_cursor if self.backwards else self.page.next_cursor
                if at_end is None:
                    break
                self.read()
            self._check()

    def _turn(self, *, backwards: bool) -> None:
        self.backwards = backwards
        if backwards and self.page is not None:
            # The last page is part of the way back; what came behind it since is not.
            self.seen = Counter(row.id for row in self.page.rows)
            self.steady = set(self.since_page)
        else:
            self.page = None
            self.seen = Counter()
            self.steady = set(self._ids())

    def _unsteady(self, data: st.DataObject) -> int:
        """Return a row to change; it is one of those no more that have to be seen."""
        found: int = data.draw(st.sampled_from(sorted(self.steady)))
        self.steady.discard(found)
        self.since_page.discard(found)
        return found

    def _check(self) -> None:
        assert {n: self.seen[n] for n in self.steady} == dict.fromkeys(self.steady, 1)

    def _execute(self, statement: Any) -> None:
        with Session(self.engine) as session:
            session.execute(statement)
            session.commit()

    def _ids(self) -> list[int]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Row.id)))


def test_a_row_that_was_there_all_along_is_seen_once(engine: Engine) -> None:
    """Forwards and backwards, in any order, whatever is inserted, deleted and changed meanwhile."""
    run_state_machine_as_test(
        cast("Any", functools.partial(Walk, engine)),
        settings=settings(max_examples=30, stateful_step_count=30, deadline=None),
    )


@pytest.fixture(scope="module")
def filled(engine: Engine) -> Engine:
    """Give tables large enough for a planner to use their indexes."""
    rows = [{"id": n, "a": n % 500, "b": n % 7} for n in range(1, 6001)]
    with Session(engine) as session:
        session.execute(insert(Indexed), rows)
        session.commit()
    if engine.name != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            analyze = "ANALYZE" if engine.name == "postgresql" else "ANALYZE TABLE"
            connection.execute(text(f"{analyze} keyset_indexed"))
    return engine


INDEXED_KEYS = declared_sort(Indexed, [Indexed.a, Indexed.b])


def plan_of(engine: Engine, sort: str, *, backwards: bool) -> str:
    """Return how an engine reads the page after, or before, one in the midst of a table."""
    sent: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:
        sent.append((call[2], call[3]))

    order = parse_order(sort, INDEXED_KEYS, default_order(None, INDEXED_KEYS, Indexed), Indexed)
    read = functools.partial(fetch_page, order=order, limit=20)
    with Session(engine) as session:
        half = fetch_page(session, select(Indexed), order=order, limit=3000)
        page: Any = read(session, select(Indexed), cursor=half.next_cursor)
        event.listen(engine, "before_cursor_execute", note)
        cursor = page.previous_cursor if backwards else page.next_cursor
        assert len(read(session, select(Indexed), cursor=cursor).rows) == 20
        event.remove(engine, "before_cursor_execute", note)
        ((statement, parameters),) = sent
        explain = {"sqlite": "EXPLAIN QUERY PLAN"}.get(engine.name, "EXPLAIN")
        rows = session.connection().exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(" ".join(map(str, row)) for row in rows)


SORTED = {"sqlite": "TEMP B-TREE", "postgresql": "Sort", "mysql": "filesort"}
SOUGHT = {"sqlite": "SEARCH", "postgresql": "Index Cond", "mysql": " range "}


@pytest.mark.parametrize("backwards", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("sort", ["a", "-a", "b,-a", "-b,a"])
def test_an_index_of_the_same_columns_answers_a_page(
    filled: Engine, sort: str, backwards: bool
) -> None:
    """The page is sought in the index and read in its order: nothing is sorted."""
    plan = plan_of(filled, sort, backwards=backwards)
    assert SORTED[filled.name] not in plan, plan
    assert SOUGHT[filled.name] in plan, plan
    assert ("keyset_one_way" if len(sort) < 3 else "keyset_both_ways") in plan, plan


class Shouted(TypeDecorator[str]):
    """A text that clients see in another form than that which is stored."""

    impl = String(10)
    cache_ok = True

    @override
    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return value.upper()


class Short(TypeDecorator[str]):
    """A text of a length, and nothing more."""

    impl = String(10)
    cache_ok = True


class NeverMade(DeclarativeBase):
    """Tables that no engine has."""


class Unfit(NeverMade):
    """A row whose keys a cursor cannot hold, and some that it can."""

    __tablename__ = "keyset_unfit"

    id: Mapped[int] = mapped_column(primary_key=True)
    unbounded: Mapped[str]
    long: Mapped[str] = mapped_column(String(256))
    lob: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    span: Mapped[Any] = mapped_column(Interval)
    shouted: Mapped[str] = mapped_column(Shouted)
    known: Mapped[str] = mapped_column(Shouted, info={"holdfast.cursor_key": True})
    short: Mapped[str] = mapped_column(Short)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unbounded", "Give its type a length"),
        ("long", "at most 255"),
        ("lob", "Give its type a length"),
        ("raw", "Give its type a length"),
        ("span", "A cursor cannot hold"),
        ("shouted", "If they may see what is stored, say so"),
        ("known", None),
        ("short", None),
    ],
)
def test_a_key_that_a_cursor_cannot_hold_is_refused(name: str, message: str | None) -> None:
    """A value that may be too long, is not found again, or is shown otherwise."""
    keys = declared_sort(Unfit, [getattr(Unfit, name)])
    if message is None:
        check_cursor_order(Unfit, keys, {"id", name})
    else:
        with pytest.raises(ConfigurationError, match=message):
            check_cursor_order(Unfit, keys, {"id", name})


@pytest.mark.parametrize("hidden", ["a", "id", "group.name"])
def test_a_key_that_the_schema_hides_is_refused(hidden: str) -> None:
    """A cursor tells no more than the rows do: this holds for the primary key as well."""
    shown = {"id", "a", "b", "c", "group.name"}
    check_cursor_order(Row, ROW_KEYS, shown)
    with pytest.raises(ConfigurationError, match=f"A cursor holds {hidden}, which the read schema"):
        check_cursor_order(Row, ROW_KEYS, shown - {hidden})
