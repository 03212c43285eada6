"""What a configuration gets wrong, and what to write instead."""

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import make_url

from holdfast.errors import ConfigurationError

__all__ = ("check_choice", "wrong_driver")


def check_choice(name: str, value: object, known: Sequence[str]) -> None:
    """Refuse a value that is none of those that an option takes.

    Raises:
        ConfigurationError: It is none of them.
    """
    if value not in known:
        nearest = get_close_matches(str(value), known, n=1) or known[:1]
        raise ConfigurationError(
            f"{name}={value!r} is none of {', '.join(map(repr, known))}. "
            f"Write {name}={nearest[0]!r}."
        )


def wrong_driver(connection_string: str | None, kind: str, *examples: str) -> ConfigurationError:
    """Return the error of a driver of the other kind.

    Args:
        connection_string: The URL that names it.
        kind: ``async`` or ``sync``, as it should be.
        *examples: Drivers that are.
    """
    driver = make_url(connection_string or "").drivername
    other = "Sync" if kind == "async" else "Async"
    names = " or ".join(f"`{example}://`" for example in examples)
    return ConfigurationError(
        f"{driver!r} is no {kind} driver. "
        f"Write {names} in the connection string, or use `SQLAlchemy{other}Config`."
    )
