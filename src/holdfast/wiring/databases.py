"""The databases of an extension: which there are, and working with them outside requests."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from holdfast.errors import ConfigurationError
from holdfast.transaction.block import SessionBlock, TransactionBlock
from holdfast.wiring.attachment import Attachment
from holdfast.wiring.config import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
from holdfast.wiring.sessions import AnyConfig

__all__ = ("Databases",)


class Databases(Attachment):
    """The part of the extension that finds databases and opens sessions of one's own."""

    def get_config(self, key: str | None = None) -> AnyConfig:
        """Return a database's configuration.

        Args:
            key: Its bind key. Without one, the only database, or the one named ``default``.

        Raises:
            ConfigurationError: There is no such database.
        """
        if key in {None, "default"} and len(self._config) == 1:
            return self._config[0]
        config = self._mapped_configs.get(key or "default")
        if config is None:
            known = ", ".join(map(repr, self._mapped_configs))
            raise ConfigurationError(
                f"There is no database with the bind key {key or 'default'!r}. "
                f"Ask for one of {known}, or add a config with that bind key."
            )
        return config

    def get_async_config(self, key: str | None = None) -> SQLAlchemyAsyncConfig:
        """Return an async database's configuration; see ``get_config``."""
        config = self.get_config(key)
        if not isinstance(config, SQLAlchemyAsyncConfig):
            raise ConfigurationError(
                f"Bind {config.bind_key!r} is sync. Use the sync methods, or an async config."
            )
        return config

    def get_sync_config(self, key: str | None = None) -> SQLAlchemySyncConfig:
        """Return a sync database's configuration; see ``get_config``."""
        config = self.get_config(key)
        if not isinstance(config, SQLAlchemySyncConfig):
            raise ConfigurationError(
                f"Bind {config.bind_key!r} is async. Use the async methods, or a sync config."
            )
        return config

    def session(self, key: str | None = None) -> SessionBlock:
        """Open a session outside requests: ``async with`` or ``with``, as the driver is.

        It is closed at the end of the block, and what was not committed is undone.
        """
        return SessionBlock(self.get_config(key), self.commit_timeout, self.statement_timeout)

    def transaction(self, key: str | None = None) -> TransactionBlock:
        """Open a transaction outside requests: ``async with`` or ``with``, as the driver is.

        It commits at the end of the block, and raises when it cannot. A block inside another is a
        savepoint.
        """
        return TransactionBlock(self.get_config(key), self.commit_timeout, self.statement_timeout)

    @asynccontextmanager
    async def with_async_session(
        self, key: str | None = None
    ) -> AsyncGenerator[AsyncSession, None]:
        """Open an async session outside requests; upstream's name of ``session``."""
        async with SessionBlock(self.get_async_config(key), self.commit_timeout) as session:
            yield session

    @contextmanager
    def with_sync_session(self, key: str | None = None) -> Generator[Session, None, None]:
        """Open a sync session outside requests; upstream's name of ``session``."""
        with SessionBlock(self.get_sync_config(key), self.commit_timeout) as session:
            yield session
