"""Fixtures for upstream's tests and examples."""

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines.postgres import PostgresServer, find_binaries
from tests.notes import note
from tests.upstream import fetch
from tests.upstream.exclusions import excluded
from tests.upstream.suite import Outcome, run_suite

__all__ = ("outcomes", "upstream_archive")


@pytest.fixture(scope="session")
def upstream_archive() -> Path:
    """Give upstream's source distribution; without it, skip, or fail in continuous integration."""
    try:
        return fetch.archive()
    except fetch.UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest,
    upstream_archive: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[dict[str, Outcome]]:
    """Give the outcome of each of upstream's tests, by its id; they run once."""
    with ExitStack() as stack:
        url = None
        if find_binaries() is not None:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.url("asyncpg", stack.enter_context(server.fresh_database()))
        ran = run_suite(upstream_archive, tmp_path_factory.mktemp("upstream"), url)
        passed = sum(outcome.result == "passed" for outcome in ran.values())
        known = sum(excluded(test) is not None for test in ran)
        told = f"{len(ran)} ran, {passed} passed, {known} are known not to"
        note(request.config, "upstream's own tests", told)
        yield ran
