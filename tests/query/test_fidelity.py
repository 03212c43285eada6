"""Whether a column gives back exactly what was written to it."""

from collections.abc import Generator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from advanced_alchemy.types import GUID, DateTimeUTC
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    CHAR,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Engine,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    Uuid,
    exc,
)
from sqlalchemy.dialects.postgresql import JSONB

from holdfast.query.fidelity import keeps
from tests.library import ENGINES, Genre, engine_for

ZONES: st.SearchStrategy[Any] = st.sampled_from([None, UTC, timezone(timedelta(hours=2))])
INTEGERS = st.integers(-(2**15), 2**15 - 1)
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0x2FFF),
    max_size=8,
)
DECIMALS = st.decimals(-9999, 9999, allow_nan=False) | st.decimals(
    -9999, 9999, places=2, allow_nan=False
)
FLOATS = st.floats(-1e30, 1e30, allow_nan=False, allow_subnormal=False)
DATES = st.dates(date(1970, 1, 2), date(2037, 1, 1))
TIMES = st.times() | st.builds(time, st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1), timezones=ZONES)  # noqa: DTZ001
SECONDS = MOMENTS.map(lambda moment: moment.replace(microsecond=0))
DOCUMENTS = st.dictionaries(TEXT, INTEGERS | TEXT, max_size=3)


class Shouting(TypeDecorator[str]):
    """Keeps something else than what was written."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return value and value.upper()


COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "small": (SmallInteger(), INTEGERS),
    "integer": (Integer(), INTEGERS),
    "big": (BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "boolean": (Boolean(), st.booleans()),
    "text": (Text(), TEXT),
    "string": (String(8), TEXT | TEXT.map(lambda text: text + " " * 9)),
    "char": (CHAR(8), TEXT | TEXT.map(lambda text: text + "  ")),
    "numeric": (Numeric(10, 2), DECIMALS | INTEGERS),
    "wide": (Numeric(30, 10), DECIMALS),
    "loose": (Numeric(), DECIMALS),
    "float_numeric": (Numeric(10, 2, asdecimal=False), FLOATS.filter(lambda n: abs(n) < 1e6)),
    "double": (Double(), FLOATS | INTEGERS),
    "float": (Float(), FLOATS),
    "real": (Float(20), FLOATS),
    "decimal_float": (Float(asdecimal=True), DECIMALS),
    "date": (Date(), DATES),
    "time": (Time(), TIMES),
    "moment": (DateTime(), MOMENTS | SECONDS),
    "zoned": (DateTime(timezone=True), MOMENTS | SECONDS),
    "utc": (DateTimeUTC(), (MOMENTS | SECONDS).filter(lambda moment: moment.tzinfo is not None)),
    "interval": (Interval(), st.timedeltas(timedelta(0), timedelta(days=20))),
    "uuid": (Uuid(), st.uuids()),
    "uuid_text": (Uuid(as_uuid=False), st.uuids().map(lambda value: value.hex)),
    "guid": (GUID(), st.uuids()),
    "native_enum": (Enum(Genre, name="fidelity_genre"), st.sampled_from(Genre)),
    "enum": (Enum("a", "b", native_enum=False), st.sampled_from(["a", "b"])),
    "binary": (LargeBinary(), st.binary(max_size=20)),
    "json": (JSON(), DOCUMENTS),
    "jsonb": (JSON().with_variant(JSONB(), "postgresql"), DOCUMENTS),
    "shouting": (Shouting(), TEXT),
}
TABLE = Table(
    "fidelity",
    MetaData(),
    Column("id", Integer, primary_key=True),
    *(Column(name, type_) for name, (type_, _) in COLUMNS.items()),
)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    with engine_for(request.param, request) as engine:
        TABLE.metadata.create_all(engine)
        yield engine


@pytest.mark.parametrize("name", COLUMNS)
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_comes_back_as_it_was(engine: Engine, name: str, data: st.DataObject) -> None:
    """A value that is said to be kept is read back equal, of the same type, and shown alike."""
    type_, values = COLUMNS[name]
    value = data.draw(values | st.none())
    column = TABLE.c[name]
    if not keeps(type_, value, engine.dialect):
        return
    with engine.connect() as connection:
        try:
            connection.execute(TABLE.insert().values({"id": 1, name: value}))
        except exc.DBAPIError:
            return  # what is refused is not committed
        found = connection.scalar(_select(column))
    assert _shown(found) == _shown(value)


def _select(column: Any) -> Any:
    return TABLE.select().with_only_columns(column)


def _shown(value: Any) -> tuple[Any, ...]:
    kind = UUID if isinstance(value, UUID) else type(value)
    return kind, str(value), value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", 7),
        ("string", "Ann"),
        ("text", "Ann " * 9),
        ("boolean", True),
        ("numeric", Decimal("9.50")),
        ("date", date(2026, 1, 1)),
        ("moment", datetime(2026, 1, 1, 10)),  # noqa: DTZ001
        ("uuid", UUID(int=7)),
        ("guid", UUID(int=7)),
        ("native_enum", Genre.FICTION),
        ("binary", b"\0"),
        ("json", None),
    ],
)
def test_ordinary_values_cost_no_statement(engine: Engine, name: str, value: Any) -> None:
    """Values that every database keeps are known to be kept; JSON's null is a value."""
    assert keeps(COLUMNS[name][0], value, engine.dialect) == (name != "json")


def test_what_may_change_is_read_again(engine: Engine) -> None:
    """Rounding, padding, other zones and unknown types are not trusted."""
    for name, value in {
        "numeric": Decimal("9.5"),
        "float": float("inf"),
        "real": 0.1,
        "zoned": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        "string": "Ann" + " " * 9,
        "jsonb": {},
        "shouting": "a",
        "interval": timedelta(0),
    }.items():
        assert not keeps(COLUMNS[name][0], value, engine.dialect), name
