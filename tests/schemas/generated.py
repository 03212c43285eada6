"""Generated source, as a module."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from holdfast.schemas.source import source_of

__all__ = ("generated",)


@contextmanager
def generated(*models: Any) -> Generator[Any]:
    """Execute the schemas of some models, and give the module that they are in."""
    module = ModuleType("generated_schemas")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source_of(models), "generated_schemas.py", "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]
