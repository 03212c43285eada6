"""One filled database for each module and engine, for tests that only read."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine

from tests.library import ENGINES, engine_for
from tests.plan.stock import fill


@pytest.fixture(params=ENGINES, scope="module")
def stocked(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine whose tables hold a library and a workshop."""
    with engine_for(request.param, request) as engine:
        fill(engine)
        yield engine
