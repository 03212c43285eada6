"""Cursors: bound to one list, and safe to get from anybody."""

import base64
import json
from collections.abc import Generator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import CHAR, Boolean, DateTime, Double, LargeBinary, Numeric, String, select
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from holdfast.problems import ProblemError
from holdfast.query.cursor import LONGEST_CURSOR, fingerprint
from holdfast.query.pages import FetchedPage, fetch_page
from holdfast.query.sort import Order, declared_sort, default_order, parse_order
from tests.library import Genre
from tests.query.databases import DRIVERS, Opened, opened


class Base(DeclarativeBase):
    """The table of these tests alone."""


class Thing(Base):
    """A row with a key of each kind that drivers treat in a way of their own."""

    __tablename__ = "cursor_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(
        String(50).with_variant(mysql.VARCHAR(50, charset="latin1"), "mysql", "mariadb")
    )
    code: Mapped[str] = mapped_column(CHAR(3))
    weight: Mapped[float] = mapped_column(Double)
    price: Mapped[Any] = mapped_column(Numeric(10, 2))
    moment: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    uid: Mapped[UUID]
    genre: Mapped[Genre]
    raw: Mapped[bytes] = mapped_column(LargeBinary(10))
    good: Mapped[bool] = mapped_column(Boolean)


NAMES = [column.key for column in Thing.__table__.columns]
KEYS = declared_sort(Thing, [getattr(Thing, name) for name in NAMES])
DEFAULT = default_order(None, KEYS, Thing)


def order(text: str | None) -> Order:
    return parse_order(text, KEYS, DEFAULT, Thing)


def page(session: Session, sort: str, cursor: str | None, **parameters: Any) -> FetchedPage[Thing]:
    by = order(sort)
    bound_to = fingerprint(by, parameters)
    return fetch_page(session, select(Thing), order=by, limit=1, cursor=cursor, bound_to=bound_to)


def fill(session: Session) -> None:
    for n in range(1, 4):
        session.add(
            Thing(
                id=n,
                name=f"n{n}",
                code="c",
                weight=n / 10,
                price=n,
                moment=datetime(2024, 1, n, tzinfo=UTC),
                uid=UUID(int=n),
                genre=Genre.FICTION,
                raw=bytes([n]),
                good=True,
            )
        )


@pytest.fixture(params=DRIVERS, scope="module")
def database(request: pytest.FixtureRequest) -> Generator[Opened]:
    """Give a database with three rows, for every driver."""
    with opened(request.param, request, Base) as found:
        found.run(fill)
        yield found


@pytest.fixture(scope="module")
def sqlite(request: pytest.FixtureRequest) -> Generator[Opened]:
    """Give the same on SQLite alone, for what no statement is made of."""
    with opened("sqlite", request, Base) as found:
        found.run(fill)
        yield found


def refusal(session: Session, sort: str, cursor: str, **parameters: Any) -> str:
    """Return why a cursor is refused."""
    with pytest.raises(ProblemError) as refused:
        page(session, sort, cursor, **parameters)
    members = refused.value.problem.members()
    assert members["type"].endswith(":invalid-cursor")
    assert members["status"] == 422
    (error,) = members["errors"]
    assert error["loc"] == ["query", "cursor"]
    return str(error["msg"])


def forged(sort: str, content: bytes) -> str:
    """Make a cursor as somebody would who has read the source."""
    bound_to = fingerprint(order(sort), {})
    raw = bound_to + sha256(bound_to + content).digest()[:8] + content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_answered(session: Session, sort: str, cursor: str) -> None:
    """Check that a cursor gives a page, or is refused with a 422."""
    try:
        rows = page(session, sort, cursor).rows
    except ProblemError as refused:
        if refused.problem.code != "invalid-cursor":
            raise
    else:
        assert len(rows) <= 1


def test_a_cursor_is_refused_for_another_sort_filter_or_search(sqlite: Opened) -> None:
    """It is bound to the order, to the values of filters, and to `q`."""

    def work(session: Session) -> None:
        given = page(session, "name", None, q="x", born__in=[1, 2]).next_cursor
        assert given is not None
        assert page(session, "name", given, born__in=[1, 2], q="x").rows[0].id == 2
        for sort, parameters in (
            ("-name", {"q": "x", "born__in": [1, 2]}),
            ("name,code", {"q": "x", "born__in": [1, 2]}),
            ("name", {"q": "y", "born__in": [1, 2]}),
            ("name", {"q": "x", "born__in": [1, "2"]}),
            ("name", {"q": "x"}),
        ):
            assert "another sort or filter" in refusal(session, sort, given, **parameters)

    sqlite.run(work)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_damage_is_refused(sqlite: Opened, data: st.DataObject) -> None:
    """A cursor with a character changed, left out or added is none."""

    def work(session: Session) -> None:
        whole = page(session, "name", None).next_cursor
        assert whole is not None
        at = data.draw(st.integers(0, len(whole) - 1))
        other = data.draw(st.sampled_from("ABCabcxyz019-_=+/ \n"))
        damages = [whole[:at] + whole[at + 1 :], whole[:at] + other + whole[at:]]
        if whole[at] != other:
            damages.append(whole[:at] + other + whole[at + 1 :])
        for damaged in damages:
            assert damaged == whole or refusal(session, "name", damaged)

    sqlite.run(work)


def test_a_long_cursor_is_refused_unread(sqlite: Opened) -> None:
    """Ten kilobytes are a 422, and so are the nested lists that JSON could not read."""

    def work(session: Session) -> None:
        assert refusal(session, "name", "A" * 10_000) == "This is no cursor of this list."
        deep = forged("name", b"[" * 5_000)
        assert len(deep) < LONGEST_CURSOR
        assert refusal(session, "name", deep) == "This is no cursor of this list."

    sqlite.run(work)


ODD: list[Any] = [
    *("nan", "inf", "-inf", "NaN", "Infinity", "1e400", "\0", "\ud800", "日本", "0" * 500),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-00-00", "9" * 300),
    *("2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00", "f" * 32, "FICTION", "ff", "-0.0"),
    *(2**31, 2**63, 2**64, -(2**63) - 1, 10**400, {"float": "nan"}, {"float": "inf"}),
    *({"bytes": "ff"}, {"bytes": 1}, {"float": 1.0}, {"float": "1e999"}),
]
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
NAMES_TO_SORT_BY = st.sampled_from([name for name in NAMES if name != "id"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES_TO_SORT_BY, side=st.sampled_from([">", ">=", "<", "<="]), data=st.data())
def test_a_forged_cursor_gives_a_page_or_a_422(
    database: Opened, name: str, side: str, data: st.DataObject
) -> None:
    """Whatever values somebody puts into a cursor, no engine and no driver fails."""
    values = [data.draw(ANY_VALUE), data.draw(st.integers(0, 3) | ANY_VALUE)]
    content = json.dumps([side, *values], ensure_ascii=False, separators=(",", ":"))
    cursor = forged(name, content.encode(errors="surrogatepass"))
    database.run(lambda session: is_answered(session, name, cursor))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text() | st.text("ABCabc123-_=", max_size=60) | st.binary().map(lambda raw: raw.hex())
)
def test_any_text_as_a_cursor_is_a_422(sqlite: Opened, text: str) -> None:
    """A text that is no cursor is refused, never more than that."""

    def work(session: Session) -> None:
        assert refusal(session, "name", text)

    sqlite.run(work)
