"""Authors in a database: what the tests of the wiring store and serve."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from holdfast import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig, base, repository, service
from holdfast.wiring.sessions import AnyConfig
from tests.engines.deferrable import deferred_key

__all__ = (
    "ASYNC_MEMORY",
    "SYNC_MEMORY",
    "Author",
    "AuthorRead",
    "AuthorService",
    "Book",
    "Report",
    "SyncAuthorService",
    "any_config",
    "async_config",
    "sync_config",
)

ASYNC_MEMORY = "sqlite+aiosqlite:///:memory:"
SYNC_MEMORY = "sqlite:///:memory:"


class Author(base.UUIDBase):
    """Somebody who writes; no two have the same name."""

    __tablename__ = "wiring_author"

    name: Mapped[str] = mapped_column(String(100), unique=True)


class Book(base.UUIDBase):
    """What somebody wrote; that the author exists is checked at COMMIT."""

    __tablename__ = "wiring_book"

    author_id: Mapped[UUID] = mapped_column(deferred_key("wiring_author.id"))


class Report(base.UUIDBase):
    """What belongs to a second database."""

    __tablename__ = "wiring_report"
    __bind_key__ = "reports"

    title: Mapped[str] = mapped_column(String(100))


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    """Authors over an async session."""

    class Repository(repository.SQLAlchemyAsyncRepository[Author]):
        """Where they are kept."""

        model_type = Author

    repository_type = Repository


class SyncAuthorService(service.SQLAlchemySyncRepositoryService[Author]):
    """Authors over a sync session."""

    class Repository(repository.SQLAlchemySyncRepository[Author]):
        """Where they are kept."""

        model_type = Author

    repository_type = Repository


class AuthorRead(BaseModel):
    """What clients see of an author."""

    id: UUID
    name: str


def async_config(url: str | None = ASYNC_MEMORY, **options: Any) -> SQLAlchemyAsyncConfig:
    """Return a config that makes its tables, and commits by the status unless told otherwise."""
    options = {"create_all": True, "commit_mode": "autocommit", **options}
    return SQLAlchemyAsyncConfig(connection_string=url, **options)


def sync_config(url: str | None = SYNC_MEMORY, **options: Any) -> SQLAlchemySyncConfig:
    """Return the same for a sync driver."""
    options = {"create_all": True, "commit_mode": "autocommit", **options}
    return SQLAlchemySyncConfig(connection_string=url, **options)


def any_config(url: str | None, *, is_async: bool, **options: Any) -> AnyConfig:
    """Return the one that fits the driver."""
    return async_config(url, **options) if is_async else sync_config(url, **options)
