"""Schemas that `holdfast schemas` began from the mapping: to keep, and to edit."""

from base64 import urlsafe_b64decode
from datetime import date as date_
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    field_validator,
    with_config,
)
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict

from tests.schemas.gallery import Style, next_number


class ArtistRead(BaseModel):
    """Artist, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: Annotated[UUID, Field(description="UUID Primary key column.")]
    name: Annotated[str, Field(description="As they sign.")]
    label: str
    email: Annotated[
        str | None,
        Field(
            description=(
                "Where to write to about exhibitions, sales and loans, which is a text of more "
                "than one line."
            ),
        ),
    ]
    style: Style
    rank: Literal["student", "master"]
    date: Annotated[date_ | None, Field(description="Of birth.")]
    seen_at: datetime | None
    country_code: str | None
    fee: Decimal | None
    links: list[str]
    deleted_at: datetime | None
    version: int
    created_at: Annotated[datetime, Field(description="Date/time of instance creation.")]
    updated_at: Annotated[datetime, Field(description="Date/time of instance last update.")]
    signature: Annotated[str, Field(description="The name as it is written.")]

    # bank_account: left out, a secret, which no answer shows.
    # password_hash: left out, a secret, which no answer shows.
    # _private: left out, no field of a Pydantic model can be called so: rename the attribute.
    # country: left out, a relation, which a schema shows as `country: CountryRead | None`.
    # works: left out, a relation, which a schema shows as `works: list[WorkRead]`.


class ArtistCreate(BaseModel):
    """What a new Artist is made of."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100, description="As they sign.")]
    label: Annotated[str, Field(max_length=30, min_length=2, pattern=r"^\w+$")]
    email: Annotated[
        str | None,
        Field(
            max_length=200,
            description=(
                "Where to write to about exhibitions, sales and loans, which is a text of more "
                "than one line."
            ),
        ),
    ] = None
    style: Style = Style.CUBIST
    rank: Literal["student", "master"] = "student"
    date: Annotated[date_ | None, Field(description="Of birth.")] = None
    seen_at: AwareDatetime | None = None
    country_code: Annotated[str | None, Field(max_length=2)] = None
    fee: Annotated[Decimal | None, Field(max_digits=10, decimal_places=2)] = None
    links: list[str] = Field(default_factory=list[str])
    bank_account: Annotated[str | None, Field(max_length=34)] = None

    # id: left out, a key, which is made with the row.
    # password_hash: left out, by its name a secret, which is not stored as it is sent.
    # deleted_at: left out, the mark of a deleted row, which deleting sets.
    # version: left out, the version, which counts the changes of the row.
    # created_at: left out, set with the row.
    # updated_at: left out, set with every change of the row.
    # signature: left out, a property.
    # _private: left out, no field of a Pydantic model can be called so: rename the attribute.


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class ArtistUpdate(TypedDict, total=False):
    """Changes to Artist: the fields that are sent."""

    name: Annotated[str, Field(max_length=100, description="As they sign.")]
    label: Annotated[str, Field(max_length=30, min_length=2, pattern=r"^\w+$")]
    email: Annotated[
        str | None,
        Field(
            max_length=200,
            description=(
                "Where to write to about exhibitions, sales and loans, which is a text of more "
                "than one line."
            ),
        ),
    ]
    style: Style
    rank: Literal["student", "master"]
    date: Annotated[date_ | None, Field(description="Of birth.")]
    seen_at: AwareDatetime | None
    country_code: Annotated[str | None, Field(max_length=2)]
    fee: Annotated[Decimal | None, Field(max_digits=10, decimal_places=2)]
    links: list[str]
    bank_account: Annotated[str | None, Field(max_length=34)]

    # id: left out, a key, which is made with the row.
    # password_hash: left out, by its name a secret, which is not stored as it is sent.
    # deleted_at: left out, the mark of a deleted row, which deleting sets.
    # version: left out, the version, which counts the changes of the row.
    # created_at: left out, set with the row.
    # updated_at: left out, set with every change of the row.
    # signature: left out, a property.
    # _private: left out, no field of a Pydantic model can be called so: rename the attribute.


class WorkRead(BaseModel):
    """Work, as it is shown."""

    model_config = ConfigDict(from_attributes=True, ser_json_bytes="base64")

    id: int
    kind: str
    title: str
    artist_id: UUID
    made: datetime
    width: int
    twice: int
    thumbnail: bytes | None
    details: dict[str, Any]
    shouted: str

    # artist: left out, a relation, which a schema shows as `artist: ArtistRead`.


class WorkCreate(BaseModel):
    """What a new Work is made of."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(max_length=200)]
    artist_id: UUID
    # Where it is not sent, it is: now()
    made: NaiveDatetime | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    width: Annotated[int, Field(ge=-32768, le=32767)] = 1
    thumbnail: (
        Annotated[
            bytes,
            AfterValidator(urlsafe_b64decode),
            Field(max_length=16, json_schema_extra={"format": "base64url", "maxLength": 24}),
        ]
        | None
    ) = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])

    # id: left out, numbered by the database.
    # kind: left out, the name of the class, which SQLAlchemy sets.
    # twice: left out, computed by the database.
    # shouted: left out, an SQL expression.

    @field_validator("made", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        """Refuse null, which is not the same as leaving the choice to the column."""
        if value is None:
            message = "leave it out, or give a value"
            raise ValueError(message)
        return value


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class WorkUpdate(TypedDict, total=False):
    """Changes to Work: the fields that are sent."""

    title: Annotated[str, Field(max_length=200)]
    artist_id: UUID
    made: NaiveDatetime
    width: Annotated[int, Field(ge=-32768, le=32767)]
    thumbnail: (
        Annotated[
            bytes,
            AfterValidator(urlsafe_b64decode),
            Field(max_length=16, json_schema_extra={"format": "base64url", "maxLength": 24}),
        ]
        | None
    )
    details: dict[str, Any]

    # id: left out, numbered by the database.
    # kind: left out, the name of the class, which SQLAlchemy sets.
    # twice: left out, computed by the database.
    # shouted: left out, an SQL expression.


class SculptureRead(BaseModel):
    """Sculpture, as it is shown."""

    model_config = ConfigDict(from_attributes=True, ser_json_bytes="base64")

    id: int
    kind: str
    title: str
    artist_id: UUID
    made: datetime
    width: int
    twice: int
    thumbnail: bytes | None
    details: dict[str, Any]
    weight: float
    shouted: str

    # artist: left out, a relation, which a schema shows as `artist: ArtistRead`.


class SculptureCreate(BaseModel):
    """What a new Sculpture is made of."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(max_length=200)]
    artist_id: UUID
    weight: Annotated[float, Field(allow_inf_nan=False)]
    # Where it is not sent, it is: now()
    made: NaiveDatetime | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    width: Annotated[int, Field(ge=-32768, le=32767)] = 1
    thumbnail: (
        Annotated[
            bytes,
            AfterValidator(urlsafe_b64decode),
            Field(max_length=16, json_schema_extra={"format": "base64url", "maxLength": 24}),
        ]
        | None
    ) = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])

    # id: left out, numbered by the database.
    # kind: left out, the name of the class, which SQLAlchemy sets.
    # twice: left out, computed by the database.
    # shouted: left out, an SQL expression.

    @field_validator("made", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        """Refuse null, which is not the same as leaving the choice to the column."""
        if value is None:
            message = "leave it out, or give a value"
            raise ValueError(message)
        return value


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class SculptureUpdate(TypedDict, total=False):
    """Changes to Sculpture: the fields that are sent."""

    title: Annotated[str, Field(max_length=200)]
    artist_id: UUID
    made: NaiveDatetime
    width: Annotated[int, Field(ge=-32768, le=32767)]
    thumbnail: (
        Annotated[
            bytes,
            AfterValidator(urlsafe_b64decode),
            Field(max_length=16, json_schema_extra={"format": "base64url", "maxLength": 24}),
        ]
        | None
    )
    details: dict[str, Any]
    weight: Annotated[float, Field(allow_inf_nan=False)]

    # id: left out, numbered by the database.
    # kind: left out, the name of the class, which SQLAlchemy sets.
    # twice: left out, computed by the database.
    # shouted: left out, an SQL expression.


class RoomRead(BaseModel):
    """Room, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    note: str | None
    floor: int
    cleaned: datetime | None


class RoomCreate(BaseModel):
    """What a new Room is made of."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=50)]
    note: Annotated[str | None, Field(max_length=200)]
    floor: Annotated[int, Field(ge=-2147483648, le=2147483647)] = 0

    # id: left out, numbered by the database.
    # cleaned: left out, no argument of the class, so a new row cannot have it.


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class RoomUpdate(TypedDict, total=False):
    """Changes to Room: the fields that are sent."""

    name: Annotated[str, Field(max_length=50)]
    note: Annotated[str | None, Field(max_length=200)]
    floor: Annotated[int, Field(ge=-2147483648, le=2147483647)]
    cleaned: AwareDatetime | None

    # id: left out, numbered by the database.


class TicketRead(BaseModel):
    """Ticket, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    code: UUID
    place: int
    price: Decimal
    is_paid: bool
    words: str
    lucky: int
    opens: time | None
    lasts: timedelta | None


class TicketCreate(BaseModel):
    """What a new Ticket is made of."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=-9223372036854775808, le=9223372036854775807)]
    code: UUID = Field(default_factory=uuid4)
    place: Annotated[int, Field(ge=-2147483648, le=2147483647)] = Field(default_factory=next_number)
    price: Annotated[Decimal, Field(max_digits=6, decimal_places=2)] = Decimal(12)
    is_paid: bool = False
    words: Annotated[str, Field(max_length=20)] = "it's free"
    # Where it is not sent, it is: made by a function
    lucky: Annotated[
        int | SkipJsonSchema[None],
        Field(ge=-2147483648, le=2147483647),
    ] = Field(default_factory=lambda: None)
    opens: time | None = None
    lasts: timedelta | None = None

    @field_validator("lucky", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        """Refuse null, which is not the same as leaving the choice to the column."""
        if value is None:
            message = "leave it out, or give a value"
            raise ValueError(message)
        return value


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class TicketUpdate(TypedDict, total=False):
    """Changes to Ticket: the fields that are sent."""

    code: UUID
    place: Annotated[int, Field(ge=-2147483648, le=2147483647)]
    price: Annotated[Decimal, Field(max_digits=6, decimal_places=2)]
    is_paid: bool
    words: Annotated[str, Field(max_length=20)]
    lucky: Annotated[int, Field(ge=-2147483648, le=2147483647)]
    opens: time | None
    lasts: timedelta | None

    # number: left out, a key, which is given once and identifies the row.


class CountryRead(BaseModel):
    """Country, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str


class CountryCreate(BaseModel):
    """What a new Country is made of."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=2)]
    name: Annotated[str, Field(max_length=100)]


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class CountryUpdate(TypedDict, total=False):
    """Changes to Country: the fields that are sent."""

    name: Annotated[str, Field(max_length=100)]

    # code: left out, a key, which is given once and identifies the row.


class PosterRead(BaseModel):
    """Poster, as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    words: list[str]
    grid: list[list[int]] | None


class PosterCreate(BaseModel):
    """What a new Poster is made of."""

    model_config = ConfigDict(extra="forbid")

    words: list[Annotated[str, Field(max_length=10)]]
    grid: list[list[Annotated[int, Field(ge=-32768, le=32767)]]] | None = None

    # id: left out, numbered by the database.


# A TypedDict, so that a field that is not sent is absent: it is not null, and has no default.
@with_config(ConfigDict(extra="forbid"))
class PosterUpdate(TypedDict, total=False):
    """Changes to Poster: the fields that are sent."""

    words: list[Annotated[str, Field(max_length=10)]]
    grid: list[list[Annotated[int, Field(ge=-32768, le=32767)]]] | None

    # id: left out, numbered by the database.
