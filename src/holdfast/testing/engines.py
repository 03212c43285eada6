"""From what a test has at hand to the engines underneath."""

from collections.abc import Iterable
from typing import Protocol, TypeAlias, runtime_checkable

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

__all__ = ("Configuration", "Extension", "HasEngine", "sync_engines")


@runtime_checkable
class Configuration(Protocol):
    """One database's configuration, such as `SQLAlchemyAsyncConfig`."""

    def get_engine(self) -> Engine | AsyncEngine:
        """Return its engine."""
        ...


class Extension(Protocol):
    """Several configurations, as `AdvancedAlchemy` holds them."""

    @property
    def config(self) -> Iterable[Configuration]:
        """The configurations."""
        ...


HasEngine: TypeAlias = Engine | AsyncEngine | Session | AsyncSession | Configuration | Extension


def sync_engines(target: HasEngine) -> list[Engine]:
    """Return the sync engines that `target` uses, where SQLAlchemy's events and dialects are.

    Args:
        target: An engine, a session bound to one, a configuration, or an `AdvancedAlchemy`.
    """
    match target:
        case AsyncEngine():
            return [target.sync_engine]
        case Engine():
            return [target]
        case AsyncSession():
            return sync_engines(target.sync_session)
        case Session():
            bind = target.get_bind()
            return [bind.engine if isinstance(bind, Connection) else bind]
        case Configuration():
            return sync_engines(target.get_engine())
        case _:
            return [engine for one in target.config for engine in sync_engines(one)]
