"""Generated routes and their OpenAPI document say the same, by every check of schemathesis.

In short each engine is tried with a part of the routes. All of them are tried on all engines, with
many more requests, where `HOLDFAST_CONFORMANCE=long` says so.
"""

import json
import os
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from holdfast import AdvancedAlchemy
from holdfast.testing import client
from holdfast.testing.engines import sync_engines
from tests.clients.exclusions import EXCLUSIONS, SETTINGS
from tests.clients.library_service import library_service
from tests.conformance import cases, findings, phases, run_schemathesis
from tests.hostile.wire import served
from tests.library import database_for

LONG = os.environ.get("HOLDFAST_CONFORMANCE") == "long"
PARTS = {"sqlite": ["drafts"], "postgresql": ["countries"], "mariadb": ["tags"]}
TAGS = ["authors", "books", "countries", "drafts", "tags"]

pytestmark = pytest.mark.timeout(3600 if LONG else 120)


@pytest.fixture(scope="module", params=list(PARTS))
async def report(
    request: pytest.FixtureRequest,
    anyio_backend: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[list[dict[str, Any]]]:
    """Give all that schemathesis has to say about generated routes on one engine."""
    folder = tmp_path_factory.mktemp("report")
    with database_for(request.param, request) as database:
        app, alchemy = library_service(database.url)
        (folder / "openapi.json").write_text(json.dumps(app.openapi()))
        async with client(app):
            async with served(app, "h11") as port:
                found = await run_schemathesis(
                    folder,
                    port,
                    examples=30 if LONG else 3,
                    tags=TAGS if LONG else PARTS[request.param],
                    settings=SETTINGS,
                )
            yield found
            assert checked_out(alchemy) == 0


def checked_out(alchemy: AdvancedAlchemy) -> int:
    """Return how many connections are out of the pool."""
    (engine,) = sync_engines(alchemy)
    count: int = engine.pool.checkedout()  # type: ignore[attr-defined]
    return count


def test_every_phase_ran(report: list[dict[str, Any]]) -> None:
    """The operations were tried in every phase, with hundreds of requests, and none broke off."""
    assert phases(report) >= {"coverage", "fuzzing", "stateful"}
    assert cases(report) > 150


def test_the_document_is_the_truth(report: list[dict[str, Any]]) -> None:
    """No check has anything to say but what is excluded, with a reason."""
    found = [
        finding
        for finding in findings(report)
        if not any(exclusion.covers(finding) for exclusion in EXCLUSIONS)
    ]
    assert found == []
