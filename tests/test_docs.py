"""The pages: what they tell a reader to type, and what they link to, exists.

Their Python blocks are run too, as the root `conftest.py` collects them.
"""

import re
from pathlib import Path

import pytest

from tests.source import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:bash|console|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_every_make_command_is_a_target(page: Path) -> None:
    """A command in a shell block is one that the Makefile knows."""
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    told = {name for block in BLOCK.findall(page.read_text()) for name in COMMAND.findall(block)}
    assert told <= targets


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link within the project points to a file that is there."""
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("language", ["py", "python3", "Python"])
def test_python_blocks_are_marked_in_the_one_way_that_runs_them(language: str) -> None:
    """Only blocks marked `python` are executed, so no page marks one otherwise."""
    assert [page.name for page in PAGES if f"```{language}\n" in page.read_text()] == []
