"""What a database cannot take as a value of its type is refused in the query."""

from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, NewType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from holdfast.wiring.filter_values import SearchText, several

UserId = NewType("UserId", int)
HINTS = (str, int, float, Decimal, UserId, Annotated[int, "documented"], int | str)


def read(hint: Any, *values: object) -> list[Any] | None:
    """Read the values of a parameter, or None where it refuses them."""
    try:
        found: list[Any] = TypeAdapter(several(hint, 3)).validate_python(list(values))
    except ValidationError:
        return None
    return found


@settings(deadline=None)
@given(st.integers())
def test_integers(number: int) -> None:
    """A whole number passes exactly if it fits into 64 bits, however its type is spelt."""
    expected = [number] if -(2**63) <= number < 2**63 else None
    for hint in (int, UserId, Annotated[int, "documented"]):
        assert read(hint, str(number)) == expected


@settings(deadline=None)
@given(st.floats())
def test_floats(number: float) -> None:
    """A number passes exactly if it is finite, in a union too."""
    expected = [number] if isfinite(number) else None
    assert read(float, repr(number)) == expected
    assert read(float | bool, number) == expected


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=20))
def test_texts(text: str) -> None:
    """A text passes exactly if it is encodable and has no NUL."""
    storable = "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
    assert read(str, text) == ([text] if storable else None)
    if storable:
        assert TypeAdapter(SearchText).validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            TypeAdapter(SearchText).validate_python(text)


@pytest.mark.parametrize("hint", HINTS)
def test_how_many(hint: Any) -> None:
    """A list of more values than allowed is refused, whatever their type."""
    assert read(hint, *"123") is not None
    assert read(hint, *"1234") is None
