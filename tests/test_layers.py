"""The shape of the library: imports that point one way, and files that can be read at a glance."""

import ast
import sys
from typing import NamedTuple

import pytest

from tests.source import Module, modules

every_module = pytest.mark.parametrize("module", modules(), ids=str)


class Layer(NamedTuple):
    """What a part of the library may import."""

    parts: frozenset[str]
    libraries: frozenset[str]


def layer(parts: str = "", libraries: str = "") -> Layer:
    return Layer(frozenset(parts.split()), frozenset(libraries.split()))


ANYWHERE = {*sys.stdlib_module_names, "typing_extensions"}
COMMANDS = "advanced_alchemy click fastapi_cli rich_click typer"
WEB = "advanced_alchemy anyio fastapi pydantic sqlalchemy starlette"
LAYERS = {
    "errors": layer("", "advanced_alchemy"),
    "problems": layer("errors", "starlette"),
    "transaction": layer("errors problems", "anyio opentelemetry sqlalchemy starlette"),
    "query": layer("errors problems", "advanced_alchemy pydantic sqlalchemy"),
    "plan": layer("errors query", "advanced_alchemy pydantic sqlalchemy"),
    "wiring": layer("errors problems transaction query plan", WEB),
    "providers": layer("wiring", ""),
    "crud": layer("errors problems transaction query plan wiring", WEB),
    "check": layer("errors problems transaction query plan wiring crud", WEB),
    "schemas": layer("errors plan query", "advanced_alchemy pydantic sqlalchemy"),
    "cli": layer("errors check schemas wiring", COMMANDS),
    "__main__": layer("cli", ""),
    "testing": layer("", "httpx2 sqlalchemy starlette"),
    "": layer("crud errors problems providers query transaction wiring", "advanced_alchemy"),
}
VAGUE_NAMES = {"base", "common", "helpers", "misc", "shared", "util", "utils"}
COMMAND_MODULES = {"holdfast.wiring.cli"}  # what a command needs is loaded when it runs
LONGER_THAN_A_GLANCE: dict[str, str] = {}  # file: why it is one file all the same
SOFT_FILE_CAP, FILE_CAP, FUNCTION_CAP = 300, 500, 60


@every_module
def test_imports_point_one_way(module: Module) -> None:
    """A part imports only the parts below it, and only the libraries it is about."""
    assert module.part in LAYERS, f"give {module.part!r} a place in LAYERS"
    parts, libraries = LAYERS[module.part]
    if module.name in COMMAND_MODULES:
        libraries |= set(COMMANDS.split())
    for name in module.imports():
        library, _, inner = name.partition(".")
        if library == "holdfast":
            part = inner.partition(".")[0]
            assert part in parts | {module.part}, f"{module} imports {name}"
        else:
            assert library in libraries | ANYWHERE, f"{module} imports {name}"


def test_no_import_goes_in_a_circle() -> None:
    """At run time no module leads back to itself through its imports."""
    graph = {module.name: _loaded_by(module) for module in modules()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for imported in graph.get(name, ()):
                visit(imported, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _loaded_by(module: Module) -> list[str]:
    return [
        node.module
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("holdfast.")
    ]


@every_module
def test_no_import_hides_in_a_function(module: Module) -> None:
    """What a file needs is read at its top, except where loading late is the point."""
    if module.part == "cli" or module.name in COMMAND_MODULES:
        return
    for function in module.functions():
        if module.part == "" and function.name == "__getattr__":
            continue
        for node in ast.walk(function):
            assert not isinstance(node, ast.Import | ast.ImportFrom), (
                f"{module}:{node.lineno} imports inside {function.name}()"
            )


@every_module
def test_names_say_what_is_inside(module: Module) -> None:
    """No file or folder is a drawer for what fits nowhere."""
    assert not VAGUE_NAMES & set(module.name.split("."))


@every_module
def test_a_file_is_read_at_a_glance(module: Module) -> None:
    """A file over the soft cap has a reason on record, and none is over the hard one."""
    assert len(module.lines) <= FILE_CAP
    assert len(module.lines) <= SOFT_FILE_CAP or module.name in LONGER_THAN_A_GLANCE


@every_module
def test_a_function_fits_a_screen(module: Module) -> None:
    """Without its docstring no function is longer than the cap."""
    for function in module.functions():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        first = function.body[0]
        if ast.get_docstring(function) is not None:
            length -= (first.end_lineno or first.lineno) - first.lineno + 1
        assert length <= FUNCTION_CAP, f"{module}.{function.name} has {length} lines"
