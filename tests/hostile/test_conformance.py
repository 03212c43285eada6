"""The example and its OpenAPI document say the same, by every check of schemathesis."""

import asyncio
import base64
import importlib
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from examples.airports.loading import Row
from holdfast.testing import client
from tests.hostile.conftest import checked_out, fill
from tests.hostile.exclusions import EXCLUSIONS, Finding
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
            await run_schemathesis(folder, port, examples=60 if "sqlite" in url else 20)
        yield [json.loads(line) for line in (folder / "report.ndjson").read_text().splitlines()]
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


async def run_schemathesis(folder: Path, port: int, examples: int) -> None:
    """Run every check in every phase, as a person would from the command line."""
    command: list[str | Path] = [
        *("run", folder / "openapi.json", "--url", f"http://127.0.0.1:{port}"),
        *("--checks", "all", "--continue-on-failure", "--max-examples", str(examples)),
        *("--seed", "2", "--generation-database", "none", "--no-color"),
        *("--report", "ndjson", "--report-ndjson-path", folder / "report.ndjson"),
    ]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode in {0, 1}, output.decode()


def findings(report: list[dict[str, Any]]) -> Iterator[Finding]:
    """Return every failed check."""
    scenarios = [event["ScenarioFinished"] for event in report if "ScenarioFinished" in event]
    for recorder in (scenario["recorder"] for scenario in scenarios):
        for case_id, checks in recorder.get("checks", {}).items():
            case = recorder["cases"][case_id]["value"]
            content = recorder["interactions"][case_id]["response"].get("content") or {}
            answer = base64.b64decode(content.get("$base64", "")).decode()
            for check in checks:
                if check["status"] != "success":
                    message = check["failure_info"]["failure"]["message"]
                    operation = f"{case['method']} {case['path']}"
                    yield Finding(operation, check["name"], message, answer)


def test_every_phase_ran(report: list[dict[str, Any]]) -> None:
    """All ten operations were tried in every phase, hundreds of requests, and none broke off."""
    finished = [event["PhaseFinished"] for event in report if "PhaseFinished" in event]
    ran = {item["phase"]["name"].lower() for item in finished if item["phase"]["is_enabled"]}
    assert ran >= PHASES
    scenarios = [event["ScenarioFinished"] for event in report if "ScenarioFinished" in event]
    assert {scenario["status"] for scenario in scenarios} <= {"success", "failure", "skip"}
    assert sum(len(scenario["recorder"].get("cases", {})) for scenario in scenarios) > 500


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
