"""Upstream's own FastAPI and Starlette tests pass, with only their import lines changed."""

import re
from pathlib import Path

import pytest

from tests.upstream.exclusions import EXCLUSIONS, excluded, exclusion_of
from tests.upstream.suite import ASYNCPG_FILE, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "upstream-tests.md"


def _without_asyncpg(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    return {
        test: outcome for test, outcome in outcomes.items() if not test.startswith(ASYNCPG_FILE)
    }


def test_every_test_of_upstream_passes_but_the_excluded(outcomes: dict[str, Outcome]) -> None:
    """Each test passed that is not in the table of exclusions."""
    wrong = {
        test: outcome
        for test, outcome in _without_asyncpg(outcomes).items()
        if outcome.result != "passed" and excluded(test) is None
    }
    assert wrong == {}


def test_every_exclusion_is_needed(outcomes: dict[str, Outcome]) -> None:
    """The table names only tests that exist, and that fail for the reason it gives."""
    entries = {test: entry for test in outcomes if (entry := excluded(test))}
    otherwise = {
        test: outcomes[test]
        for test, entry in entries.items()
        if outcomes[test].result != "failure"
        or exclusion_of(entry).shown_by not in outcomes[test].message
    }
    assert otherwise == {}
    named = {entry for group in EXCLUSIONS.values() for entry in group}
    assert named == set(entries.values())


@pytest.mark.usefixtures("postgres")
def test_upstreams_tests_of_asyncpg_pass(outcomes: dict[str, Outcome]) -> None:
    """Those that need PostgreSQL passed too, on a pool of one connection."""
    asyncpg = {test: outcomes[test] for test in outcomes.keys() - _without_asyncpg(outcomes).keys()}
    assert len(asyncpg) == 3
    assert set(asyncpg.values()) == {Outcome("passed", "")}


@pytest.mark.usefixtures("postgres")
def test_the_page_says_how_many_passed(outcomes: dict[str, Outcome]) -> None:
    """The numbers in `docs/upstream-tests.md` are those of this run."""
    told = " ".join(PAGE.read_text().split())
    passed = sum(outcome.result == "passed" for outcome in outcomes.values())
    assert f"{passed} of {len(outcomes)} pass. The other {len(outcomes) - passed} cannot" in told


def test_the_page_lists_the_exclusions() -> None:
    """`docs/upstream-tests.md` names the excluded tests by their groups, and no others."""
    _, *sections = PAGE.read_text().split("\n### ")
    told = {
        section.partition("\n")[0]: re.findall(r"^\| `(.+)` \| (.+) \|$", section, re.MULTILINE)
        for section in sections
    }
    assert told == {
        group: [(test.partition("::")[2], exclusion.reason) for test, exclusion in entries.items()]
        for group, entries in EXCLUSIONS.items()
    }
