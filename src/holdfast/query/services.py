"""What writes ask of an Advanced Alchemy service: its session, its model, and what it overrides."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from advanced_alchemy.exceptions import wrap_sqlalchemy_exception
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

__all__ = ("dialect_of", "flush", "model_of", "overrides", "session_of", "translated_errors")

_UPSTREAM = "advanced_alchemy."


def session_of(service: Any) -> Session:
    """Return the sync session that a service works on, be it sync or async."""
    session: Any = service.repository.session
    if isinstance(session, async_scoped_session | scoped_session):
        session = cast("Any", session)()
    return session.sync_session if isinstance(session, AsyncSession) else cast("Session", session)


def model_of(service: Any) -> type[Any]:
    """Return the mapped class of a service, or of a service class."""
    model: type[Any] = service.repository_type.model_type
    return model


def dialect_of(session: Session, model: type[Any]) -> str:
    """Return the name of the database that holds a model's rows."""
    return session.get_bind(model).dialect.name


def overrides(target: Any, *names: str) -> bool:
    """Tell whether a service or repository has methods of its own in place of upstream's.

    Args:
        target: A service or repository, or the class of one.
        *names: Names of methods.
    """
    if isinstance(target, type):
        return not all(_is_upstreams(cast("Any", target), name) for name in names)
    return any(name in vars(target) or not _is_upstreams(target.__class__, name) for name in names)


def _is_upstreams(cls: type[Any], name: str) -> bool:
    # By the class and not by the function: a decorator copies the name of what it wraps.
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    return owner is None or owner.__module__.startswith(_UPSTREAM)


@contextmanager
def translated_errors(service: Any) -> Generator[None]:
    """Raise what a service would raise: handlers of the application are registered for that."""
    repository: Any = service.repository
    session = session_of(service)
    with wrap_sqlalchemy_exception(
        error_messages=repository.error_messages,
        dialect_name=dialect_of(session, model_of(service)),
        wrap_exceptions=repository.wrap_exceptions,
    ):
        yield


def flush(service: Any) -> None:
    """Send a session's changes to the database, with the service's own errors."""
    with translated_errors(service):
        session_of(service).flush()
