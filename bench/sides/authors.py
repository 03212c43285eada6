"""The table, the schemas and the service: one copy, used by every side but the ceiling."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from advanced_alchemy import base, repository, service
from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

__all__ = ("PAGE_SIZE", "Author", "AuthorCreate", "AuthorRead", "AuthorService")

PAGE_SIZE: Final = 20


class Author(base.UUIDAuditBase):
    """An author; the base adds ``id``, ``created_at`` and ``updated_at``."""

    __tablename__ = "author"

    name: Mapped[str] = mapped_column(String(100), unique=True)
    email: Mapped[str] = mapped_column(String(200))
    born: Mapped[date | None]
    biography: Mapped[str | None]


class AuthorCreate(BaseModel):
    """An author as it is sent."""

    name: str
    email: str
    born: date | None = None
    biography: str | None = None


class AuthorRead(BaseModel):
    """An author as it is answered."""

    id: UUID
    name: str
    email: str
    born: date | None
    biography: str | None
    created_at: datetime
    updated_at: datetime


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    """Reads and writes authors."""

    class Repo(repository.SQLAlchemyAsyncRepository[Author]):
        """Authors, by ``id``."""

        model_type = Author

    repository_type = Repo
