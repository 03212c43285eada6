"""Schemas of any mapping: they can be executed, agree with the model, and carry rows."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from advanced_alchemy.types import DateTimeUTC
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Engine,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    Uuid,
    create_engine,
)
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import StaticPool

from holdfast.query.changes import given as sent
from holdfast.schemas.comparison import differences
from tests.schemas.gallery import Style
from tests.schemas.generated import generated

# A few of them hide what a schema is written with, unless it is called otherwise.
NAMES = ["name", "date", "datetime", "Field", "Decimal", "UUID", "int", "str", "Literal", "bytes"]
NAMES += ["ConfigDict", "BaseModel", "timedelta", "value", "type", "Style", "JsonValue"]


@dataclass(frozen=True)
class Kind:
    """A column type, what fits it, and what JSON makes of that."""

    type: Any
    values: st.SearchStrategy[Any]
    default: Any = None


def text(size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=size)


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KINDS = [
    Kind(String(5), text(5), "it's"),
    Kind(Text(), text(50)),
    Kind(SmallInteger(), st.integers(-(2**15), 2**15 - 1), 7),
    Kind(Integer(), st.integers(-(2**31), 2**31 - 1), -1),
    Kind(BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    Kind(Boolean(), st.booleans(), default=True),
    Kind(Float(), st.floats(allow_nan=False, allow_infinity=False, width=32), 0.5),
    Kind(Numeric(8, 2), st.decimals(-999999, 999999, places=2), Decimal("1.50")),
    Kind(Date(), st.dates(date(1900, 1, 1)), date(2000, 1, 1)),
    Kind(Time(), st.times(), time(12)),
    Kind(DateTimeUTC(), MOMENTS),
    Kind(Interval(), st.timedeltas(timedelta(0), timedelta(days=9999))),
    Kind(Uuid(), st.uuids(), UUID(int=1)),
    Kind(LargeBinary(8), st.binary(max_size=8)),
    Kind(Enum(Style), st.sampled_from(Style), Style.ABSTRACT),
    Kind(Enum("a", "b", name="letters"), st.sampled_from("ab"), "b"),
    Kind(JSON(none_as_null=True), st.dictionaries(text(3), st.integers(0, 9)), {}),
]


@dataclass(frozen=True)
class Drawn:
    """A column, and a value for it; None where none is sent."""

    name: str
    kind: Kind
    nullable: bool
    has_default: bool
    value: Any


@st.composite
def drawn_columns(draw: st.DrawFn) -> list[Drawn]:
    columns: list[Drawn] = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=8)):
        kind = draw(st.sampled_from(KINDS))
        nullable = draw(st.booleans())
        has_default = kind.default is not None and draw(st.booleans())
        is_left_out = (nullable or has_default) and draw(st.booleans())
        value = None if is_left_out else draw(kind.values)
        columns.append(Drawn(name, kind, nullable, has_default, value))
    return columns


@pytest.fixture(scope="module")
def engine() -> Generator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    yield engine
    engine.dispose()


def mapped(columns: list[Drawn]) -> Any:
    """Map a class with some columns, and a key."""

    class Base(DeclarativeBase):
        pass

    parts = [
        Column(
            column.name,
            column.kind.type,
            nullable=column.nullable,
            default=column.kind.default if column.has_default else None,
        )
        for column in columns
    ]
    table = Table("thing", Base.metadata, Column("id", Integer, primary_key=True), *parts)
    return type("Thing", (Base,), {"__table__": table})


@pytest.mark.filterwarnings("ignore:Dialect sqlite")
@settings(deadline=None)
@given(columns=drawn_columns())
def test_any_mapping_gets_schemas_that_fit_it(engine: Engine, columns: list[Drawn]) -> None:
    """What is written for a model differs from it in nothing, and its rows pass unchanged."""
    model = mapped(columns)
    values = {column.name: column.value for column in columns if column.value is not None}
    with generated(model) as module, engine.connect() as connection, Session(connection) as session:
        for purpose in ("read", "create", "update"):
            schema = getattr(module, f"Thing{purpose.title()}")
            assert differences(model, schema, purpose) == ()

        encoded = {
            name: _base64(value) if isinstance(value, bytes) else value
            for name, value in values.items()
        }
        created = module.ThingCreate.model_validate(encoded)
        assert TypeAdapter(module.ThingUpdate).validate_python(encoded) == values

        model.metadata.create_all(connection)
        row = model(**sent(created, defaults=True))
        session.add(row)
        session.flush()
        session.expire_all()
        shown = module.ThingRead.model_validate(row).model_dump(exclude={"id"})
        for column in columns:
            default = column.kind.default if column.has_default else None
            assert shown[column.name] == values.get(column.name, default)
        session.rollback()
        model.metadata.drop_all(connection)


def _base64(value: bytes) -> str:
    return TypeAdapter(bytes, config={"ser_json_bytes": "base64"}).dump_json(value).decode()[1:-1]
