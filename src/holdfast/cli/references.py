"""Objects that are named on the command line: ``app.models:Author``."""

import contextlib
import importlib
import sys
import traceback
from typing import Any

from holdfast.cli.failures import CannotRunError

__all__ = ("load",)


def load(reference: str, example: str) -> Any:
    """Import what a reference names, from the current folder or from what is installed.

    Args:
        reference: A module and a name in it, with a colon between them.
        example: What a right one looks like, for the messages.

    Raises:
        CannotRunError: There is no such thing, or its module cannot be imported.
    """
    module, colon, name = reference.partition(":")
    parts = [*module.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        hint = " A module is written with dots, and without `.py`." if _is_path(module) else ""
        raise CannotRunError(
            f"{reference!r} does not name an object. Write its module, a colon and its name: "
            f"{example}.{hint}"
        )
    found = _import(module, reference)
    for part in name.split("."):
        if not hasattr(found, part):
            raise CannotRunError(
                f"{module} has no {name!r}. Write a name that is in it, such as {example}."
            )
        found = getattr(found, part)
    return found


def _import(module: str, reference: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # the folder that the command is called in, as `python -m` has it
    try:
        # What a module prints is no part of the output.
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise CannotRunError(
                f"There is no module {error.name!r}, which {reference!r} names. "
                "Call holdfast in the folder that the module is in, or install it."
            ) from error
        raise _failure(module, error) from error
    except (Exception, SystemExit) as error:
        raise _failure(module, error) from error


def _failure(module: str, error: BaseException) -> CannotRunError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return CannotRunError(
        f"Importing {module} fails with {type(error).__name__}: {error} "
        f"(at {place.filename}:{place.lineno}). Make `python -c 'import {module}'` work first."
    )


def _is_path(module: str) -> bool:
    return "/" in module or "\\" in module or module.endswith(".py")
