"""What clients send and what they get back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

__all__ = (
    "AirportCreate",
    "AirportRead",
    "AirportUpdate",
    "CountryCode",
    "CountryCreate",
    "CountryRead",
    "CountryUpdate",
    "IcaoCode",
)

# Small fields that have no ICAO code of their own are listed with a leading underscore.
IcaoCode = Annotated[str, Field(pattern=r"^[A-Z0-9_][A-Z0-9]{3}$", examples=["EGLL"])]
IataCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["LHR"])]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["GB"])]
# Blank at neither end, and without NUL, which PostgreSQL cannot store.
Name = Annotated[str, Field(pattern=r"^[^\s\x00]([^\x00]*[^\s\x00])?$", max_length=100)]
Elevation = Annotated[float, Field(ge=-2_000, le=30_000, description="Feet above sea level.")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Timezone = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_+/-]+$", max_length=50, examples=["Europe/London"])
]

# Strict: a number in quotes is no number, nor is `true`, whatever the database would make of it.
AS_SENT = ConfigDict(extra="forbid", strict=True)


class CountryRead(BaseModel):
    """A country as it is answered."""

    code: str
    name: str


class CountryCreate(BaseModel):
    """A country as it is sent."""

    model_config = AS_SENT

    code: CountryCode
    name: Name


@with_config(AS_SENT)
class CountryUpdate(TypedDict, total=False):
    """What of a country changes: its code stays."""

    name: Name


class AirportRead(BaseModel):
    """An airport as it is answered, with its country."""

    id: int
    icao: str
    iata: str | None
    name: str
    city: str | None
    subdivision: str | None
    elevation: float
    latitude: float
    longitude: float
    timezone: str | None
    country: CountryRead


class AirportCreate(BaseModel):
    """An airport as it is sent."""

    model_config = AS_SENT

    icao: IcaoCode
    iata: IataCode | None = None
    name: Name
    city: Name | None = None
    subdivision: Name | None = None
    elevation: Elevation
    latitude: Latitude
    longitude: Longitude
    timezone: Timezone | None = None
    country_code: CountryCode


@with_config(AS_SENT)
class AirportUpdate(TypedDict, total=False):
    """The fields of an airport that change; those left out stay as they are."""

    icao: IcaoCode
    iata: IataCode | None
    name: Name
    city: Name | None
    subdivision: Name | None
    elevation: Elevation
    latitude: Latitude
    longitude: Longitude
    timezone: Timezone | None
    country_code: CountryCode
