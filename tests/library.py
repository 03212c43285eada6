"""A library in a database: what the tests of queries, plans and generated routes store and serve.

Countries have authors, authors have books, books have tags. An author has a tenant, a version and a
mark of deletion, which a test may use or leave alone.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    ForeignKey,
    Numeric,
    String,
    Table,
    create_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast import SQLitePragmas
from tests.engines.database import Database

__all__ = (
    "ENGINES",
    "Author",
    "Base",
    "Book",
    "Country",
    "Genre",
    "Tag",
    "database_for",
    "engine_for",
)

ENGINES = ("sqlite", "postgresql", "mariadb")


class Base(DeclarativeBase):
    """Tables of the library alone."""


class Genre(Enum):
    """What a book is."""

    FICTION = "fiction"
    SCIENCE = "science"


class Country(Base):
    """Where authors come from, known by its code."""

    __tablename__ = "library_country"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class Author(Base):
    """Somebody who writes."""

    __tablename__ = "library_author"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str | None] = mapped_column(String(100), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(100))
    born: Mapped[date | None]
    rating: Mapped[int | None]
    country_code: Mapped[str | None] = mapped_column(ForeignKey("library_country.code"))
    tenant_id: Mapped[int] = mapped_column(default=1)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(nullable=False)

    country: Mapped[Country | None] = relationship()
    books: Mapped[list["Book"]] = relationship(
        back_populates="author", cascade="all, delete-orphan", order_by="Book.id"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it


book_tag = Table(
    "library_book_tag",
    Base.metadata,
    Column("book_id", ForeignKey("library_book.id"), primary_key=True),
    Column("tag_id", ForeignKey("library_tag.id"), primary_key=True),
)


class Tag(Base):
    """A word that books are found by."""

    __tablename__ = "library_tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(50), unique=True)


class Book(Base):
    """What somebody wrote."""

    __tablename__ = "library_book"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    genre: Mapped[Genre | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    published: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    tenant_id: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int] = mapped_column(ForeignKey("library_author.id"))

    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tag, order_by=Tag.id)


@contextmanager
def database_for(engine: str, request: pytest.FixtureRequest) -> Generator[Database]:
    """Make an empty database of one of `ENGINES` for an async engine: `create_async_engine(url)`.

    Use it in a module-scoped fixture, and empty the tables between tests.
    """
    with ExitStack() as stack:
        if engine == "sqlite":
            folder = request.getfixturevalue("tmp_path_factory").mktemp("library")
            yield Database.sqlite("aiosqlite", folder / "test.sqlite")
            return
        server: Any = request.getfixturevalue("postgres" if engine == "postgresql" else "mariadb")
        name = stack.enter_context(server.fresh_database())
        if engine == "postgresql":
            yield Database.postgres("asyncpg", server, name)
        else:
            yield Database.mariadb("asyncmy", server, name)


@contextmanager
def engine_for(engine: str, request: pytest.FixtureRequest) -> Generator[Engine]:
    """Make an empty database of one of `ENGINES`, and a sync engine on it, for `Session(engine)`.

    The drivers are sqlite3, psycopg and PyMySQL; foreign keys hold on SQLite as well.
    """
    with database_for(engine, request) as database:
        url = (
            database.url.replace("+aiosqlite", "")
            .replace("+asyncpg", "+psycopg")
            .replace("+asyncmy", "+pymysql")
        )
        made = create_engine(url)
        if engine == "sqlite":
            SQLitePragmas().install(made)
        try:
            yield made
        finally:
            made.dispose()
