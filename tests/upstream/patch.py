"""The import lines of upstream's tests and examples, changed as a user would change them.

Nothing else of a file is touched: not a test, not an assertion, and no line moves. Private names
have no counterpart; they are left out of the import, so that a test which uses one fails alone.
"""

import ast
import re

__all__ = ("patched",)

MODULES = {
    "advanced_alchemy.extensions.fastapi": "holdfast",
    "advanced_alchemy.extensions.fastapi.extension": "holdfast.wiring.cli",
    "advanced_alchemy.extensions.fastapi.providers": "holdfast.providers",
    "advanced_alchemy.extensions.starlette": "holdfast",
    "advanced_alchemy.extensions.starlette.config": "holdfast",
}
"""Upstream's modules that are replaced, each with what takes its place.

Of `extension` the tests import nothing but the functions of the command line.
"""

_QUOTED_PATH = re.compile(r'"(advanced_alchemy\.extensions\.(?:fastapi|starlette)[\w.]*)"')


def patched(source: str) -> str:
    """Return a file's text with every import of what Holdfast replaces, and every path to it.

    A path is a string that names a module or something in one, as `unittest.mock.patch` takes it.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            height = (node.end_lineno or node.lineno) - node.lineno + 1
            start = node.lineno - 1
            text = " " * node.col_offset + "; ".join(_imports(node.module, node.names))
            lines[start : start + height] = [f"{text}\n", *["\n"] * (height - 1)]
    return _QUOTED_PATH.sub(lambda match: f'"{_replacement(match[1])}"', "".join(lines))


def _imports(module: str, names: list[ast.alias]) -> list[str]:
    submodules = [alias for alias in names if f"{module}.{alias.name}" in MODULES]
    attributes = [
        alias for alias in names if alias not in submodules and not alias.name.startswith("_")
    ]
    statements = [
        f"import {MODULES[f'{module}.{alias.name}']} as {alias.asname or alias.name}"
        for alias in submodules
    ]
    if attributes:
        listed = ", ".join(ast.unparse(alias) for alias in attributes)
        statements.append(f"from {MODULES[module]} import {listed}")
    return statements or ["pass"]


def _replacement(path: str) -> str:
    module = max((name for name in MODULES if f"{path}.".startswith(f"{name}.")), key=len)
    return MODULES[module] + path.removeprefix(module)
