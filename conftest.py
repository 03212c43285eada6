"""Collects the Python blocks of the README and of the documentation as tests."""

from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

from tests.pages import close_page, open_page, run_block

__all__ = ("pytest_collect_file",)

pytest_collect_file = Sybil(
    parsers=[CodeBlockParser(language="python", evaluator=run_block)],
    patterns=["README.md", "docs/*.md"],
    setup=open_page,
    teardown=close_page,
).pytest()
