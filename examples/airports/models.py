"""The two tables: countries, and the airports in them."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast import base

__all__ = ("Airport", "Country")


class Country(base.DefaultBase):
    """A country, known by its ISO 3166-1 code."""

    __tablename__ = "country"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    version: Mapped[int] = mapped_column(default=1)

    # Counted up by every change: answers have it as their ETag.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it


class Airport(base.IdentityBase):
    """An airport, known by its ICAO code."""

    __tablename__ = "airport"

    icao: Mapped[str] = mapped_column(String(4), unique=True)
    iata: Mapped[str | None] = mapped_column(String(3), unique=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
    city: Mapped[str | None] = mapped_column(String(100))
    subdivision: Mapped[str | None] = mapped_column(String(100))
    elevation: Mapped[float]
    latitude: Mapped[float]
    longitude: Mapped[float]
    timezone: Mapped[str | None] = mapped_column(String(50))
    country_code: Mapped[str] = mapped_column(ForeignKey("country.code"), index=True)

    # Every answer shows the country, so every SELECT of airports joins it: one statement a page.
    country: Mapped[Country] = relationship(lazy="joined", innerjoin=True)
