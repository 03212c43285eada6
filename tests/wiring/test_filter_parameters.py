"""From the text of a query to typed values: times, choices and names."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal

import pytest
from advanced_alchemy.filters import (
    BeforeAfter,
    ChoicesFilter,
    CollectionFilter,
    FilterTypes,
    OrderBy,
)
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.wiring.filters import ChoiceField, FieldNameType, FilterConfig, provide_filters

# Each example asks a whole app, whose time says nothing.
unhurried = settings(deadline=None, max_examples=50)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Weight(Enum):
    LIGHT = 1
    HEAVY = 2


def answer(config: FilterConfig, params: Any) -> tuple[int, list[FilterTypes]]:
    """Ask an app with these filters: its status, and what its handler got."""
    app = FastAPI()
    seen: list[FilterTypes] = []

    @app.get("/items")
    async def items(filters: Annotated[list[FilterTypes], Depends(provide_filters(config))]) -> int:
        seen.extend(filters)
        return len(filters)

    return TestClient(app).get("/items", params=params).status_code, seen


OFFSETS = st.timedeltas(
    min_value=timedelta(hours=-23, minutes=-59), max_value=timedelta(hours=23, minutes=59)
)
WRITTEN: list[Callable[[datetime], str]] = [
    datetime.isoformat,
    lambda moment: moment.isoformat(sep=" "),
    lambda moment: moment.isoformat(timespec="minutes"),
    lambda moment: moment.isoformat().replace(".", ","),
    lambda moment: moment.replace(tzinfo=None).isoformat() + "Z",
    lambda moment: moment.date().isoformat(),
    lambda moment: moment.date().isoformat() + "Z",
    lambda moment: moment.strftime("%Y%m%dT%H%M%S").zfill(15),
    lambda moment: moment.strftime("%Y%m%d").zfill(8),
    lambda moment: "{}-W{:02}-{}".format(*moment.isocalendar()),
]


@unhurried
@given(
    st.datetimes(timezones=st.none() | OFFSETS.map(timezone)),
    st.sampled_from(WRITTEN),
)
def test_every_iso_8601_form(moment: datetime, write: Callable[[datetime], str]) -> None:
    """What ``datetime.fromisoformat`` reads, or with Z for UTC, is that instant; bare is UTC."""
    text = write(moment)
    with_offset = text.replace("Z", "+00:00")
    try:
        expected = datetime.fromisoformat(with_offset)
        instant = (expected if expected.tzinfo else expected.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    status, seen = answer({"created_at": True}, {"createdAfter": text})
    if instant is None:
        assert (status, seen) == (422, [])
    else:
        assert (status, seen) == (200, [BeforeAfter("created_at", before=None, after=instant)])


@unhurried
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_is_answered(text: str) -> None:
    """No text makes a date or a sort parameter fail otherwise than by a 422."""
    config: FilterConfig = {"updated_at": True, "sort_field": ["name"]}
    assert answer(config, {"updatedBefore": text})[0] in (200, 422)
    assert answer(config, {"orderBy": text})[0] == (200 if text == "name" else 422)


@unhurried
@given(
    st.lists(
        st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), min_size=1, max_size=5, unique=True
    )
)
def test_sort_fields(fields: list[str]) -> None:
    """Every declared field can be sorted by, and the first is the default."""
    config: FilterConfig = {"sort_field": fields}
    assert answer(config, {}) == (200, [OrderBy(fields[0], "desc")])
    for field in fields:
        assert answer(config, {"orderBy": field, "sortOrder": "asc"}) == (
            200,
            [OrderBy(field, "asc")],
        )


def test_sort_field_as_a_set() -> None:
    """A set has no first field, so the default is the first by alphabet."""
    assert answer({"sort_field": {"b", "a"}}, {}) == (200, [OrderBy("a", "desc")])


@pytest.mark.parametrize(
    ("choices", "text", "value"),
    [
        (("a", "b"), "a", "a"),
        ((1, 2), "2", 2),
        (Literal[1, "b"], "b", "b"),
        (Literal[1, "b"], "1", 1),
        (Level, "2", Level.HIGH),
        (Weight, "2", Weight.HEAVY),
        (int, "7", 7),
    ],
)
def test_choices(choices: Any, text: str, value: object) -> None:
    """A choice is named by its text, also where its value is no string; another text is a 422."""
    config: FilterConfig = {"choice_fields": [("kind", choices)]}
    assert answer(config, {"kind": text}) == (200, [ChoicesFilter("kind", [value])])
    assert answer(config, {"kind": "none of them"}) == (422, [])


def test_choices_in_a_collection() -> None:
    """The values of ``in_fields`` are read by the same rule."""
    config: FilterConfig = {"in_fields": [FieldNameType("weight", Weight)]}
    assert answer(config, {"weightIn": ["1", "2"]}) == (
        200,
        [CollectionFilter("weight", {Weight.LIGHT, Weight.HEAVY})],
    )


def test_unix_time() -> None:
    """A time that Pydantic alone would read, as a count of seconds, still is one."""
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert answer({"created_at": True}, {"createdAfter": "1700000000"}) == (
        200,
        [BeforeAfter("created_at", before=None, after=moment)],
    )


def test_choice_given_alone() -> None:
    """One field needs no list around it."""
    config: FilterConfig = {"choice_fields": ChoiceField("kind", ["a"]), "in_fields": "city"}
    status, seen = answer(config, {"kind": "a", "cityIn": "Oslo"})
    assert (status, len(seen)) == (200, 2)


def test_id_types() -> None:
    """Ids have the type of ``id_filter`` and belong to ``id_field``."""
    config: FilterConfig = {"id_filter": int, "id_field": "number"}
    assert answer(config, {"ids": ["1", "2"]}) == (200, [CollectionFilter("number", [1, 2])])
    assert answer(config, {"ids": ["x"]}) == (422, [])
    assert answer({"id_filter": date}, {"ids": ["2024-01-02"]}) == (  # type: ignore[typeddict-item]
        200,
        [CollectionFilter("id", [date(2024, 1, 2)])],
    )


def test_alias_generator() -> None:
    """A generator names every query parameter, in requests and in the errors."""
    config: FilterConfig = {"created_at": True, "in_fields": ["city"], "alias_generator": str.upper}
    assert answer(config, {"CITY_IN": "Oslo"}) == (200, [CollectionFilter("city", {"Oslo"})])
    assert answer(config, {"cityIn": "Oslo"}) == (200, [])
    assert answer(config, {"CREATED_AFTER": "x"})[0] == 422
