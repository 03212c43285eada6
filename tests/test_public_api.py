"""The public names: all of the extension's that Holdfast replaces, and nothing by accident."""

import ast
import importlib
import subprocess
import sys

import pytest
from advanced_alchemy.extensions import fastapi as replaced

import holdfast
from tests.source import Module, modules

SUBMODULES = ("config", "extension", "providers")

every_public_module = pytest.mark.parametrize(
    "module", [module for module in modules() if not module.is_private], ids=str
)


def names_of(submodule: str) -> list[str]:
    names: list[str] = list(importlib.import_module(f"{replaced.__name__}.{submodule}").__all__)
    return names


@pytest.mark.parametrize("name", replaced.__all__)
def test_every_replaced_name_is_there(name: str) -> None:
    """Whoever changes one import finds every name the old one offered."""
    assert hasattr(holdfast, name)


@pytest.mark.parametrize(
    ("submodule", "name"), [(module, name) for module in SUBMODULES for name in names_of(module)]
)
def test_every_name_of_a_replaced_submodule_is_there(submodule: str, name: str) -> None:
    """Names that lived in a submodule are at the top too, whichever way they were imported."""
    assert hasattr(holdfast, name)


@pytest.mark.parametrize("name", names_of("providers"))
def test_the_providers_module_has_its_names(name: str) -> None:
    """`holdfast.providers` is a module with everything the old one had."""
    assert hasattr(importlib.import_module("holdfast.providers"), name)


def test_the_offered_names_are_the_exported_ones() -> None:
    """`dir()` and `__all__` agree, so completion shows the public names and no others."""
    assert sorted(name for name in dir(holdfast) if not name.startswith("_")) == sorted(
        holdfast.__all__
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as on any module."""
    with pytest.raises(AttributeError, match="AdvancedAlchemist"):
        getattr(holdfast, "AdvancedAlchemist")  # noqa: B009 - type checkers know it is not there


@pytest.mark.parametrize(
    ("imported", "unwanted"),
    [
        ("holdfast", "fastapi holdfast.wiring holdfast.transaction holdfast.testing"),
        ("holdfast.errors", "fastapi holdfast.wiring holdfast.transaction holdfast.testing"),
        ("holdfast.problems", "fastapi sqlalchemy holdfast.wiring holdfast.testing"),
        ("holdfast.transaction.boundary", "fastapi holdfast.wiring holdfast.testing"),
        ("holdfast.testing", "fastapi httpx2 pytest holdfast.wiring holdfast.transaction"),
        ("holdfast.wiring.extension", "fastapi_cli holdfast.testing"),
    ],
)
def test_one_part_does_not_load_the_others(imported: str, unwanted: str) -> None:
    """A fresh interpreter that imports one part has not loaded what the part does without."""
    code = f"import sys, {imported}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(unwanted.split()) == set()


@every_public_module
def test_a_module_says_what_is_public(module: Module) -> None:
    """Every module with names of its own has an `__all__`, and every name in it exists."""
    if module.exported is None:
        assert not defined(module), f"{module} has no __all__"
        return
    loaded = importlib.import_module(module.name)
    assert [name for name in module.exported if not hasattr(loaded, name)] == []


@every_public_module
def test_what_is_public_is_documented(module: Module) -> None:
    """Each public function and class, and each module, says what it is for."""
    assert ast.get_docstring(module.tree)
    for name, node in defined(module).items():
        if name in (module.exported or ()):
            assert ast.get_docstring(node), f"{module}.{name} has no docstring"


def defined(module: Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name: node for node in module.tree.body if isinstance(node, kinds)}
