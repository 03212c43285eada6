"""Running schemathesis against an application and its OpenAPI document, and what it finds."""

import asyncio
import base64
import json
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ("Exclusion", "Finding", "cases", "findings", "phases", "run_schemathesis")


@dataclass(frozen=True)
class Finding:
    """One failure of one check.

    Attributes:
        operation: Method and path, as the document has them.
        check: The name of the check.
        message: What the check says.
        answer: The body of the answer that it is about.
    """

    operation: str
    check: str
    message: str
    answer: str


@dataclass(frozen=True)
class Exclusion:
    """One kind of finding that is not a fault.

    Attributes:
        operations: Where it shows; None where it may show anywhere.
        check: The check that finds it.
        words: A regular expression found in the check's message or in the answer.
        reason: Why it stays.
    """

    operations: frozenset[str] | None
    check: str
    words: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is of this kind."""
        return (
            (self.operations is None or finding.operation in self.operations)
            and finding.check == self.check
            and re.search(self.words, finding.message + finding.answer) is not None
        )


async def run_schemathesis(
    folder: Path, port: int, *, examples: int, tags: Collection[str] = (), settings: str = ""
) -> list[dict[str, Any]]:
    """Run every check in every phase, as a person would from the command line.

    Args:
        folder: An empty folder with `openapi.json` alone.
        port: Where the application is served.
        examples: How many requests are made up for each operation.
        tags: Those of the operations that are tried, if not all.
        settings: The content of a `schemathesis.toml`.

    Returns:
        All that it reports.
    """
    (folder / "schemathesis.toml").write_text(settings)
    command: list[str | Path] = [
        *("run", "openapi.json", "--url", f"http://127.0.0.1:{port}"),
        *("--checks", "all", "--continue-on-failure", "--max-examples", str(examples)),
        *("--seed", "2", "--generation-database", "none", "--no-color"),
        *("--report", "ndjson", "--report-ndjson-path", "report.ndjson"),
    ]
    for tag in tags:
        command += ["--include-tag", tag]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode in {0, 1}, output.decode()
    return [json.loads(line) for line in (folder / "report.ndjson").read_text().splitlines()]


def findings(report: list[dict[str, Any]]) -> Iterator[Finding]:
    """Return every failed check."""
    for recorder in (scenario["recorder"] for scenario in _scenarios(report)):
        for case_id, checks in recorder.get("checks", {}).items():
            case = recorder["cases"][case_id]["value"]
            content = recorder["interactions"][case_id]["response"].get("content") or {}
            answer = base64.b64decode(content.get("$base64", "")).decode()
            for check in checks:
                if check["status"] != "success":
                    message = check["failure_info"]["failure"]["message"]
                    operation = f"{case['method']} {case['path']}"
                    yield Finding(operation, check["name"], message, answer)


def phases(report: list[dict[str, Any]]) -> set[str]:
    """Return the names of the phases that ran to their ends."""
    assert {scenario["status"] for scenario in _scenarios(report)} <= {"success", "failure", "skip"}
    finished = [event["PhaseFinished"] for event in report if "PhaseFinished" in event]
    return {item["phase"]["name"].lower() for item in finished if item["phase"]["is_enabled"]}


def cases(report: list[dict[str, Any]]) -> int:
    """Return how many requests were sent."""
    return sum(len(scenario["recorder"].get("cases", {})) for scenario in _scenarios(report))


def _scenarios(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["ScenarioFinished"] for event in report if "ScenarioFinished" in event]
