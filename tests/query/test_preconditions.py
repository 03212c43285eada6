"""Conditions that a request sets on the version of a row."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast.problems import ProblemError
from holdfast.query.preconditions import UNCONDITIONAL, Precondition, etag_of, has_version
from tests.library import Author, Country

OPAQUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'))
TAG = st.builds(lambda weak, opaque: f'{weak}"{opaque}"', st.sampled_from(["", "W/"]), OPAQUE)
GAP = st.sampled_from([",", ", ", " ,\t", ",,", " , , "])


class Own(DeclarativeBase):
    pass


class Stamped(Own):
    __tablename__ = "preconditions_stamped"
    id: Mapped[int] = mapped_column(primary_key=True)
    stamp: Mapped[Any] = mapped_column(DateTime)

    __mapper_args__ = {  # noqa: RUF012 - as SQLAlchemy reads it
        "version_id_col": stamp,
        "version_id_generator": lambda _: datetime.now(UTC),
    }


def if_match(value: str) -> Precondition:
    return Precondition.from_headers(value, None)


def if_none_match(value: str) -> Precondition:
    return Precondition.from_headers(None, value)


@given(st.lists(TAG, min_size=1), st.data())
def test_a_list_is_read_as_it_was_written(tags: list[str], data: st.DataObject) -> None:
    """Entity tags of any signs, separated by any commas and spaces, are found one by one."""
    text = data.draw(st.sampled_from(["", ",", " , "]))
    for tag in tags[:-1]:
        text += tag + data.draw(GAP)
    text += tags[-1] + data.draw(st.sampled_from(["", ",", "\t", " , "]))
    if len(text) <= 8000:
        assert if_match(text).if_match == tuple(tags)


@given(st.text(max_size=50))
def test_anything_else_is_refused_by_name(text: str) -> None:
    """A header that is no list of entity tags is a 422 that names it, and never an error."""
    try:
        if_none_match(text)
    except ProblemError as refusal:
        problem = refusal.problem
    else:
        return
    assert problem.status == 422
    assert problem.extensions["errors"][0]["loc"] == ["header", "if-none-match"]


@pytest.mark.parametrize("text", ["", ",", "7", '"7', '7"', "W/7", 'w/"7"', '"7" "8"', '*, "7"'])
def test_what_looks_like_a_tag_is_none(text: str) -> None:
    """Unquoted, unclosed and unseparated tags are refused, and so is an empty list."""
    with pytest.raises(ProblemError):
        if_match(text)


def test_a_hostile_header_is_refused_in_linear_time() -> None:
    """Many commas, quotes or tags are read in one pass; more than a header may hold is refused."""
    assert if_match(", " * 3000 + '"7"').if_match == ('"7"',)
    for text in (" , " * 1_000_000, '"' * 1_000_001, '"7",' * 1_000_000):
        with pytest.raises(ProblemError):
            if_match(text)


def test_if_match_compares_strongly() -> None:
    """The same strong tag matches, in a list as well; a weak one never does, `*` always."""
    assert if_match('"6", "7"').matches('"7"')
    assert if_match("*").matches('"7"')
    assert if_match("*").matches(None)
    assert not if_match('W/"7"').matches('"7"')
    assert not if_match('"8"').matches('"7"')
    assert not if_match('"7"').matches(None)


def test_if_none_match_compares_weakly() -> None:
    """The tag that the client has is not modified, whether it is weak or strong."""
    for text in ('"7"', 'W/"7"', '"6", "7"', "*"):
        assert if_none_match(text).is_not_modified('"7"')
        assert not if_none_match(text).matches('"7"')
    assert not if_none_match('"8"').is_not_modified('"7"')
    assert if_none_match('"8"').matches('"7"')
    assert not UNCONDITIONAL.is_not_modified('"7"')


def test_both_conditions_have_to_hold() -> None:
    """A row has to be one of the first and none of the second."""
    assert not Precondition.from_headers('"7"', '"7"').matches('"7"')
    assert Precondition.from_headers('"7"', '"8"').matches('"7"')


def test_a_condition_may_be_required() -> None:
    """Without a condition it is a 428, with either it is not."""
    with pytest.raises(ProblemError) as refusal:
        UNCONDITIONAL.require()
    assert refusal.value.problem.status == 428
    if_match("*").require()
    if_none_match("*").require()


def test_a_row_that_is_missing_matches_nothing() -> None:
    """If-Match of any kind is a 412 where a row would be created; If-None-Match is not."""
    with pytest.raises(ProblemError) as refusal:
        if_match("*").check_missing()
    assert refusal.value.problem.status == 412
    if_none_match("*").check_missing()
    assert if_none_match("*").only_creates
    assert not if_none_match('"7"').only_creates


def test_the_tag_is_the_version() -> None:
    """The version is quoted; a model without one has no tag."""
    assert has_version(Author)
    assert etag_of(Author(version=7)) == '"7"'
    assert not has_version(Country)
    assert etag_of(Country(code="de")) is None


@given(st.one_of(st.text(), st.integers(), st.binary(), st.datetimes(), st.uuids()))
def test_the_tag_of_any_version_is_one_that_can_be_sent(version: Any) -> None:
    """Whatever the version is made of, its tag is ASCII and is read back as it is."""
    tag = etag_of(Stamped(stamp=version))
    assert tag is not None
    assert tag.isascii()
    assert if_match(tag).matches(tag)
