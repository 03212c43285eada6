"""The error tree: stable codes, remedies, and a row in the documentation for each."""

import re

import pytest
from advanced_alchemy.exceptions import ImproperConfigurationError

from holdfast import errors
from tests.source import ROOT

PAGE = ROOT / "docs" / "errors.md"

CLASSES = [getattr(errors, name) for name in errors.__all__]

EXAMPLES = [
    errors.OutsideBoundaryError("here"),
    errors.ResponseStartedError("a write"),
    errors.UncommittedChangesError("POST /", "default"),
    errors.UncommittedChangesError("WEBSOCKET /", "default", websocket=True),
    errors.TransactionAbortedError(),
    errors.TransactionTimeoutError(10),
    errors.CommitOutcomeUnknownError(),
    errors.PartialCommitError(["first"], "second"),
]


def test_codes_are_unique() -> None:
    """No two errors share a code."""
    codes = [cls.code for cls in CLASSES]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("cls", CLASSES)
def test_each_code_is_documented(cls: type[errors.HoldfastError]) -> None:
    """The page on errors names every code, and beside it the class."""
    page = PAGE.read_text()
    assert f"`{cls.code}`" in page
    assert cls is errors.HoldfastError or f"`{cls.__name__}`" in page


def test_each_problem_is_documented() -> None:
    """The page on errors has a row for every code that a client can be answered with."""
    source = "".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    codes = set(re.findall(r'\bProblem\(\s*"([a-z-]+)"', source))
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in PAGE.read_text()} == set()


@pytest.mark.parametrize("cls", CLASSES)
def test_the_tree_in_the_module_is_the_tree(cls: type[errors.HoldfastError]) -> None:
    """The module's own drawing names every class."""
    assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or "")


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_messages_end_with_what_to_do(error: errors.HoldfastError) -> None:
    """The last sentence of a message begins with a verb that asks for something."""
    last = re.split(r"(?<=[.:]) ", str(error).rstrip("."))
    remedy = next(sentence for sentence in reversed(last) if not sentence.startswith("`"))
    verbs = ("Open", "Write", "Call", "Let", "Look", "Read", "Compare")
    assert remedy.startswith(verbs), remedy


def test_a_wrong_configuration_is_also_upstreams_error() -> None:
    """Code that catches Advanced Alchemy's ImproperConfigurationError goes on working."""
    error = errors.ConfigurationError("Write it so.")
    assert isinstance(error, ImproperConfigurationError)
    assert str(error) == "Write it so."
