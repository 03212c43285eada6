"""What is declared is what is tested: in `pyproject.toml`, in the environment and on the page."""

import os
import re
import sys
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from tests.source import ROOT, Module, modules
from tests.versions import declared

PAGE = (ROOT / "docs" / "versions.md").read_text()
ROW = re.compile(r"^\| ([\w.-]+) \| ([\d.]+) \|", re.MULTILINE)
UNDECLARED = {"holdfast", "typing-extensions"}  # the second comes with nearly all of the others


@pytest.mark.parametrize("requirement", list(map(Requirement, declared.requirements())), ids=str)
def test_what_is_installed_is_what_is_declared(requirement: Requirement) -> None:
    """Each library is in the declared range; under `make test-lowest` it is the lowest of it."""
    installed = version(requirement.name)
    assert requirement.specifier.contains(installed)
    if os.environ.get("HOLDFAST_VERSIONS") == "lowest":
        lowest = declared.lowest_versions()[requirement.name]
        assert Requirement(f"x=={lowest}").specifier.contains(installed)


@pytest.mark.parametrize("module", modules(), ids=str)
def test_what_is_imported_is_declared(module: Module) -> None:
    """No library that a file imports comes only because another one asks for it."""
    names = {"opentelemetry": "opentelemetry-api"}
    imported = {name.partition(".")[0] for name in module.imports()} - sys.stdlib_module_names
    wanted = {names.get(name, name.replace("_", "-")) for name in imported}
    assert wanted <= UNDECLARED | declared.lowest_versions().keys()


def test_the_page_names_the_lowest_versions() -> None:
    """The table of the page and `pyproject.toml` say the same."""
    assert dict(ROW.findall(PAGE)) == declared.lowest_versions()


def test_the_page_names_the_pythons() -> None:
    """The page and the classifiers say the same."""
    *others, newest = (f"{major}.{minor}" for major, minor in declared.pythons())
    assert f"Python {', '.join(others)} and {newest}" in PAGE


@pytest.mark.parametrize("line", ["x", "x==1", "x<2", "x>=1,<2", "x~=1.0", "x>=1; python_version"])
def test_a_requirement_without_a_lowest_version_is_found(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range that `make test-lowest` could not pin is an error that quotes it."""
    monkeypatch.setattr(declared, "requirements", lambda: [line])
    with pytest.raises(ValueError, match=re.escape(f"`{line}`")):
        declared.lowest_versions()


def test_two_lowest_versions_of_one_library_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra cannot ask for another lowest version than the library itself."""
    monkeypatch.setattr(declared, "requirements", lambda: ["x>=1", "x[more]>=2"])
    with pytest.raises(ValueError, match="x has two lowest versions: 1 and 2"):
        declared.lowest_versions()
