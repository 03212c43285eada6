"""What clients send and what they get back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

__all__ = (
    "AirportCreate",
    "AirportRead",
    "AirportUpdate",
    "CountryCode",
    "CountryCreate",
    "CountryRead",
    "IcaoCode",
)

# Small fields that have no ICAO code of their own are listed with a leading underscore.
IcaoCode = Annotated[str, Field(pattern=r"^[A-Z0-9_][A-Z0-9]{3}$", examples=["EGLL"])]
IataCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["LHR"])]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["GB"])]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Elevation = Annotated[float, Field(ge=-2_000, le=30_000, description="Feet above sea level.")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Timezone = Annotated[str, Field(max_length=50, examples=["Europe/London"])]


class CountryRead(BaseModel):
    """A country as it is answered."""

    code: str
    name: str


class CountryCreate(BaseModel):
    """A country as it is sent."""

    model_config = ConfigDict(extra="forbid")

    code: CountryCode
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

    model_config = ConfigDict(extra="forbid")

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


class AirportUpdate(BaseModel):
    """The fields of an airport that change; those left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    icao: IcaoCode | None = None
    iata: IataCode | None = None
    name: Name | None = None
    city: Name | None = None
    subdivision: Name | None = None
    elevation: Elevation | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: Timezone | None = None
    country_code: CountryCode | None = None

    @field_validator("icao", "name", "elevation", "latitude", "longitude", "country_code")
    @classmethod
    def refuse_null(cls, value: object) -> object:
        """Tell leaving a field out, which is fine, from emptying one that must have a value."""
        if value is None:
            raise ValueError("may be left out, but not be null")
        return value
