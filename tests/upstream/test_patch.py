"""Only import lines are changed, and paths to what they import."""

import pytest

from tests.upstream.patch import MODULES, patched


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from advanced_alchemy.extensions.fastapi import AdvancedAlchemy, base as b\n",
            "from holdfast import AdvancedAlchemy, base as b\n",
        ),
        (
            "def test() -> None:\n    from advanced_alchemy.extensions.starlette import service\n",
            "def test() -> None:\n    from holdfast import service\n",
        ),
        (
            "from advanced_alchemy.extensions.fastapi import extension as e, service\n",
            "import holdfast.wiring.cli as e; from holdfast import service\n",
        ),
        (
            'patch("advanced_alchemy.extensions.fastapi.providers.provide_filters")\n',
            'patch("holdfast.providers.provide_filters")\n',
        ),
    ],
    ids=["names", "indented", "module", "path"],
)
def test_what_holdfast_replaces_is_renamed(before: str, after: str) -> None:
    """Imports of upstream's extension, and paths into it, name Holdfast instead."""
    assert patched(before) == after


def test_private_names_are_left_out() -> None:
    """A private name has no counterpart, so that only tests which use it fail."""
    before = (
        "from advanced_alchemy.extensions.fastapi.providers import (\n    _a,\n    dep_cache,\n)\n"
    )
    assert patched(before) == "from holdfast.providers import dep_cache\n\n\n\n"
    assert patched("from advanced_alchemy.extensions.fastapi.providers import _a\n") == "pass\n"


def test_everything_else_stays() -> None:
    """Other imports, prose and code are left alone."""
    source = (
        '"""Tests of advanced_alchemy.extensions.fastapi."""\n'
        "from advanced_alchemy.base import UUIDBase\n"
        "from advanced_alchemy.extensions.litestar import providers\n"
        'assert name == "advanced_alchemy.extensions.litestar"\n'
    )
    assert patched(source) == source


def test_no_line_moves() -> None:
    """A traceback names the lines of upstream's own file."""
    before = "from advanced_alchemy.extensions.fastapi import (\n    base,\n)\nlast = 1\n"
    assert patched(before).splitlines()[3] == "last = 1"


def test_no_module_is_a_prefix_of_a_name_only_by_chance() -> None:
    """The longest module wins, and only at a dot."""
    assert (
        patched('"advanced_alchemy.extensions.fastapi.extension.x"\n')
        == '"holdfast.wiring.cli.x"\n'
    )
    assert set(MODULES.values()) == {"holdfast", "holdfast.providers", "holdfast.wiring.cli"}
