"""The routers here mark a column of the library, which tests of others find unmarked."""

from collections.abc import Generator

import pytest

from holdfast.query.scope import SOFT_DELETE
from tests.library import Base


@pytest.fixture(autouse=True, scope="module")
def marks_of_its_own() -> Generator[None]:
    """Take the marks of deletion away again."""
    yield
    for table in Base.metadata.tables.values():
        for column in table.columns:
            column.info.pop(SOFT_DELETE, None)
