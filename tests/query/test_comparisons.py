"""Each operator on each kind of column, on each engine, beside the same comparison in Python."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from holdfast.query.filters import Filter, criterion, declared_filters
from holdfast.query.operators import LISTS, SUITABLE, Operator
from holdfast.query.parameters import given_filters, parameter_model
from holdfast.query.values import value_type
from tests.library import ENGINES, engine_for
from tests.query.samples import VALUES, Base, Sample, rows

# Texts come in the order of the database's collation, which this page is not about.
UNORDERED = {"text", "long_text"}
ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mariadb": "mysql+asyncmy",
}
ORDER = {"lt", "le", "gt", "ge", "between"}


@dataclass(frozen=True)
class Stored:
    """The samples in a database of one engine, and in memory."""

    name: str
    engine: Engine
    samples: list[Sample]


@pytest.fixture(params=ENGINES, scope="module")
def stored(request: pytest.FixtureRequest) -> Generator[Stored]:
    """Give an engine whose table holds the samples."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session:
            session.add_all(samples := rows())
            session.commit()
            session.expunge_all()
        yield Stored(request.param, engine, samples)


def _operators(name: str) -> list[Operator]:
    suitable = SUITABLE[value_type(getattr(Sample, name).expression.type).kind]
    return [each for each in suitable if name not in UNORDERED or each not in ORDER]


FILTERS = declared_filters(Sample, {getattr(Sample, name): _operators(name) for name in VALUES})
MODEL = parameter_model("SampleParameters", filters=FILTERS)


def _ascii_lower(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)


def _folded(text: str, engine: str) -> str:
    # The test's PostgreSQL has the locale C, which knows the letters of ASCII alone, as SQLite.
    return text.lower() if engine == "mariadb" else _ascii_lower(text)


PREDICATES: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda held, value: held == value,
    "ne": lambda held, value: held != value,
    "lt": lambda held, value: held < value,
    "le": lambda held, value: held <= value,
    "gt": lambda held, value: held > value,
    "ge": lambda held, value: held >= value,
    "between": lambda held, value: value[0] <= held <= value[1],
    "in": lambda held, value: held in value,
    "not_in": lambda held, value: held not in value,
    "contains": lambda held, value: value in held,
    "starts_with": lambda held, value: held.startswith(value),
    "ends_with": lambda held, value: held.endswith(value),
}


def _fulfils(used: Filter, value: Any, held: Any, engine: str) -> bool:
    if used.operator == "is_null":
        return (held is None) is value
    if held is None:
        return False
    if used.operator.startswith("i") and used.operator != "in":
        value, held = _folded(value, engine), _folded(held, engine)
        return PREDICATES[used.operator.removeprefix("i")](held, value)
    return PREDICATES[used.operator](held, value)


def _sent(value: Any) -> str:
    match value:
        case Enum():
            return str(value.value)
        case datetime() | date() | time():
            return value.isoformat()
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case _:
            return str(value)


_NEAR: Mapping[type, st.SearchStrategy[Any]] = {
    str: st.text("Aa nÄ%_/*?[]\\😀", max_size=4),
    # MariaDB's own type does not hold the last one.
    UUID: st.uuids() | st.just(UUID("d130c0ae-e8ef-a937-5851-2321c99322a5")),
    # With more places than the column has, which nothing equals.
    Decimal: st.decimals(-10, 10, places=3),
}


@st.composite
def uses(draw: st.DrawFn) -> tuple[Filter, Any]:
    """Draw a filter and what is sent for it: mostly values that some row has."""
    used = draw(st.sampled_from(FILTERS))
    if used.operator == "is_null":
        return used, draw(st.booleans())
    known = VALUES[used.path.name]
    one = st.sampled_from(known)
    if used.path.name in UNORDERED or not isinstance(known[0], str):
        one |= _NEAR.get(type(known[0]), st.nothing())
    if used.operator == "between":
        return used, draw(st.lists(one, min_size=2, max_size=2))
    if used.operator in LISTS:
        return used, draw(st.lists(one, min_size=1, max_size=4))
    return used, draw(one)


def _expected(stored: Stored, used: Filter, value: Any) -> list[int]:
    held = ((each.id, getattr(each, used.path.name)) for each in stored.samples)
    return [number for number, one in held if _fulfils(used, value, one, stored.name)]


def _found(session: Session, used: Filter, value: Any) -> list[int]:
    sent = [_sent(each) for each in value] if isinstance(value, list) else _sent(value)
    parameters = MODEL.model_validate({used.parameter: sent})
    dialect = session.get_bind().dialect.name
    where = [criterion(each, got, dialect) for each, got in given_filters(parameters, FILTERS)]
    return list(session.scalars(select(Sample.id).where(*where).order_by(Sample.id)))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(used=uses())
def test_the_same_rows_fulfil_a_filter_as_in_python(
    stored: Stored, used: tuple[Filter, Any]
) -> None:
    """Whatever a parameter is sent, its rows are those that the comparison in Python picks."""
    with Session(stored.engine) as session:
        assert _found(session, *used) == _expected(stored, *used)


async def test_async_drivers_bind_the_values_as_well(stored: Stored) -> None:
    """Each filter finds the rows by each value that a column holds, on an async driver too."""
    url = stored.engine.url.set(drivername=ASYNC_DRIVERS[stored.name])
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        for used in FILTERS:
            for value in _examples(used):
                found = await session.run_sync(_found, used, value)
                assert found == _expected(stored, used, value), (used.parameter, value)
    await engine.dispose()


def _examples(used: Filter) -> list[Any]:
    known = list(VALUES[used.path.name])
    if used.path.name == "amount":
        # asyncpg is sent the type with the value, and rounds to the places that the type has.
        known.append(Decimal("1.991"))
    if used.operator == "is_null":
        return [True, False]
    if used.operator == "between":
        return [known[:2]]
    return [known] if used.operator in LISTS else known
