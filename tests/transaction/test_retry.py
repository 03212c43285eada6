"""The policy by which requests run again, which always ends."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import ConfigurationError
from holdfast.transaction.retry import Retry


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": math.inf},
        {"deadline": math.inf},
        {"deadline": math.nan},
        {"base_delay": -1},
        {"max_delay": math.inf},
    ],
)
def test_a_policy_without_end_is_refused(options: dict[str, Any]) -> None:
    """A policy that could go on for ever, or never begin, fails where it is written."""
    with pytest.raises(ConfigurationError, match=r"Write a .*number"):
        Retry(**options)


@given(
    attempt=st.integers(1, 10_000),
    base=st.floats(0, 100),
    most=st.floats(0, 100),
)
def test_a_pause_stays_within_its_limits(attempt: int, base: float, most: float) -> None:
    """No pause is negative, above the cap, or above what the attempt allows."""
    pause = Retry(base_delay=base, max_delay=most).pause(attempt)
    assert 0 <= pause <= min(most, base * 2.0 ** min(attempt - 1, 32))
