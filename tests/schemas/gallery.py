"""A gallery in a database: one of each kind of column that a schema is written from."""

import datetime as dt
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from advanced_alchemy.mixins import AuditColumns, UUIDPrimaryKey
from advanced_alchemy.types import DateTimeUTC, EncryptedString
from advanced_alchemy.types.encrypted_string import EncryptionBackend
from pydantic import Field
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Computed,
    DateTime,
    ForeignKey,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    func,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    column_property,
    mapped_column,
    relationship,
)
from typing_extensions import override

__all__ = ("Artist", "Base", "Country", "Poster", "Room", "Sculpture", "Style", "Ticket", "Work")

Label = Annotated[str, mapped_column(String(30)), Field(min_length=2, pattern=r"^\w+$")]


class Backwards(EncryptionBackend):
    """An encryption that keeps nothing from anybody."""

    @override
    def init_engine(self, key: bytes | str) -> None:
        pass

    @override
    def encrypt(self, value: Any) -> str:
        return str(value)[::-1]

    @override
    def decrypt(self, value: Any) -> str:
        return str(value)[::-1]


def next_number() -> int:
    """Return the number of the next ticket."""
    return 7


class Style(Enum):
    """How somebody paints."""

    CUBIST = "cubist"
    ABSTRACT = "abstract"


class Base(DeclarativeBase):
    """Tables of the gallery alone."""


class Country(Base):
    """Where artists come from, known by its code."""

    __tablename__ = "gallery_country"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class Artist(UUIDPrimaryKey, AuditColumns, Base):
    """Somebody who paints."""

    __tablename__ = "gallery_artist"

    name: Mapped[str] = mapped_column(String(100), doc="As they sign.")
    label: Mapped[Label]
    email: Mapped[str | None] = mapped_column(String(200))
    """Where to write to about exhibitions, sales and loans, which is a text of more than one line.

    Ask before you use it.
    """
    style: Mapped[Style] = mapped_column(default=Style.CUBIST)
    rank: Mapped[Literal["student", "master"]] = mapped_column(String(10), default="student")
    date: Mapped[dt.date | None] = mapped_column(comment="Of birth.")
    seen_at: Mapped[datetime | None] = mapped_column(DateTimeUTC())
    country_code: Mapped[str | None] = mapped_column(ForeignKey("gallery_country.code"))
    fee: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    links: Mapped[list[str]] = mapped_column(JSON, default=list)
    bank_account: Mapped[str | None] = mapped_column(
        EncryptedString(key="key", backend=Backwards, length=34)
    )
    password_hash: Mapped[str | None] = mapped_column(String(100))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTimeUTC())
    version: Mapped[int] = mapped_column()
    _private: Mapped[int | None]

    country: Mapped[Country | None] = relationship()
    works: Mapped[list["Work"]] = relationship(back_populates="artist")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it

    @hybrid_property
    def signature(self) -> str:
        """The name as it is written."""
        return f"~{self.name}~"


class Work(Base):
    """What somebody made."""

    __tablename__ = "gallery_work"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(200))
    artist_id: Mapped[UUID] = mapped_column(ForeignKey("gallery_artist.id"))
    made: Mapped[datetime] = mapped_column(DateTime(), server_default=func.now())
    width: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    twice: Mapped[int] = mapped_column(Computed("width * 2", persisted=True))
    thumbnail: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    artist: Mapped[Artist] = relationship(back_populates="works")
    shouted: Mapped[str] = column_property(func.upper(title))

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "work"}  # noqa: RUF012


class Sculpture(Work):
    """A work that can be walked around."""

    __tablename__ = "gallery_sculpture"

    id: Mapped[int] = mapped_column(ForeignKey("gallery_work.id"), primary_key=True)
    weight: Mapped[float]

    __mapper_args__ = {"polymorphic_identity": "sculpture"}  # noqa: RUF012


class Room(MappedAsDataclass, Base):
    """Where works hang: a dataclass, whose arguments say what a new one needs."""

    __tablename__ = "gallery_room"

    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    note: Mapped[str | None] = mapped_column(String(200))
    floor: Mapped[int] = mapped_column(default=0)
    cleaned: Mapped[datetime | None] = mapped_column(DateTimeUTC(), init=False, default=None)


class Ticket(Base):
    """What is sold at the door: defaults of every kind."""

    __tablename__ = "gallery_ticket"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    code: Mapped[UUID] = mapped_column(default=uuid4)
    place: Mapped[int] = mapped_column(default=next_number)
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2), default=12)
    is_paid: Mapped[bool] = mapped_column(server_default=text("false"))
    words: Mapped[str] = mapped_column(String(20), server_default="it's free")
    lucky: Mapped[int] = mapped_column(default=lambda: 3)
    opens: Mapped[time | None]
    lasts: Mapped[timedelta | None]


class OfPostgreSQL(DeclarativeBase):
    """Tables that only PostgreSQL has."""


class Poster(OfPostgreSQL):
    """A sheet with words."""

    __tablename__ = "gallery_poster"

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[list[str]] = mapped_column(ARRAY(String(10)))
    grid: Mapped[list[list[int]] | None] = mapped_column(ARRAY(SmallInteger, dimensions=2))
