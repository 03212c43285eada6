"""The example and its OpenAPI document say the same, by every check of schemathesis."""

import importlib
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from examples.airports.loading import Row
from holdfast.testing import client
from tests.conformance import cases, findings, phases, run_schemathesis
from tests.hostile.conftest import checked_out, fill
from tests.hostile.exclusions import EXCLUSIONS, SETTINGS
from tests.hostile.wire import served

PHASES = {"examples", "coverage", "fuzzing", "stateful"}
# How a created record is reached, so that sequences of requests are tried as well.
ITEMS = {"/airports": ("/airports/{icao}", "icao"), "/countries": ("/countries/{code}", "code")}


@pytest.fixture(scope="module", params=["aiosqlite", "asyncpg"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of an empty database."""
    if request.param == "aiosqlite":
        yield f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('conformance') / 'test.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    with server.fresh_database() as name:
        yield server.url("asyncpg", name)


@pytest.fixture(scope="module")
async def report(
    anyio_backend: str, url: str, sample: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[list[dict[str, Any]]]:
    """Give all that schemathesis has to say about the example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRPORTS_URL", url)
        patch.delitem(sys.modules, "examples.airports.app", raising=False)
        service = importlib.import_module("examples.airports.app")
    folder = tmp_path_factory.mktemp("report")
    (folder / "openapi.json").write_text(json.dumps(with_links(service.app)))
    async with client(service.app):
        await fill(service.alchemy, sample)
        async with served(service.app, "h11") as port:
            examples = 60 if "sqlite" in url else 20
            found = await run_schemathesis(folder, port, examples=examples, settings=SETTINGS)
        yield found
        assert checked_out(service.alchemy) == 0


def with_links(app: FastAPI) -> dict[str, Any]:
    """Return the document with links from what creates a record to what uses it."""
    document = app.openapi()
    for collection, (item, key) in ITEMS.items():
        links = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {key: f"$response.body#/{key}"},
            }
            for path, operations in document["paths"].items()
            if path.startswith(item)
            for operation in operations.values()
        }
        document["paths"][collection]["post"]["responses"]["201"]["links"] = links
    return document


def test_every_phase_ran(report: list[dict[str, Any]]) -> None:
    """All ten operations were tried in every phase, hundreds of requests, and none broke off."""
    assert phases(report) >= PHASES
    assert cases(report) > 500


def test_the_document_is_the_truth(report: list[dict[str, Any]]) -> None:
    """No check has anything to say but what is excluded, with a reason."""
    found = [
        finding
        for finding in findings(report)
        if not any(exclusion.covers(finding) for exclusion in EXCLUSIONS)
    ]
    assert found == []


@pytest.mark.parametrize("url", ["aiosqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("exclusion", EXCLUSIONS, ids=lambda exclusion: exclusion.check)
def test_each_exclusion_is_needed(report: list[dict[str, Any]], exclusion: Any) -> None:
    """What is excluded does show: an exclusion that nothing needs any more is removed."""
    assert any(exclusion.covers(finding) for finding in findings(report))
