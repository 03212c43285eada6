"""The library's own source, parsed, for the tests that look at it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ("ROOT", "Module", "modules")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "holdfast"


@dataclass(frozen=True)
class Module:
    """One file of the library."""

    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its import name."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def part(self) -> str:
        """The part of the library it belongs to: `transaction`, `errors`, or "" for the root."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def is_private(self) -> bool:
        """Whether its name, or a folder's above it, begins with an underscore."""
        return any(part.startswith("_") for part in self.name.split("."))

    @cached_property
    def lines(self) -> list[str]:
        """Its text."""
        return self.path.read_text().splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.path.read_text())

    @property
    def exported(self) -> list[str] | None:
        """The names in its `__all__`, None without one."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names: list[str] = list(ast.literal_eval(node.value))
                return names
        return None

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function, methods and nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def imports(self) -> set[str]:
        """The full name of every module it imports, those for type checkers included."""
        return {name for node in ast.walk(self.tree) for name in _imported(node)}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        assert node.module is not None
        return [node.module]
    return []


def modules() -> list[Module]:
    """Return every file of the library."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
