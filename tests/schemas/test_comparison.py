"""What differs between models and schemas, and what does not."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from holdfast.errors import ConfigurationError
from holdfast.schemas.comparison import Purpose, differences
from holdfast.schemas.findings import CODES
from tests.schemas.gallery import Artist, Country, Poster, Room, Sculpture, Style, Ticket, Work
from tests.schemas.generated import generated


class Subtitle(BaseModel):
    """A nested schema."""

    text: str


class WorkOut(BaseModel):
    """As a work is shown."""

    id: int
    kind: Literal["work", "sculpture"]
    title: Any
    artist_id: UUID
    made: datetime
    breadth: float = Field(validation_alias="width")
    twice: Decimal
    thumbnail: bytes | None
    details: Subtitle
    shouted: str
    artist: Any


class CountryIn(TypedDict):
    """As a country is created."""

    code: Annotated[str, Field(max_length=2)]
    name: NotRequired[Annotated[Literal["Here", "There"], "no bound"]]


class Guarded(BaseModel):
    """A field whose function sees a null before its type does."""

    code: Annotated[str, Field(max_length=2)]
    name: str | None = Field(default=None, max_length=50)

    @field_validator("name", mode="before")
    @classmethod
    def _filled(cls, value: object) -> object:
        return value or "unknown"


@pytest.mark.parametrize("model", [Artist, Country, Poster, Room, Sculpture, Ticket, Work])
@pytest.mark.parametrize("purpose", ["read", "create", "update"])
def test_what_is_written_differs_in_nothing(model: type[Any], purpose: Purpose) -> None:
    """Schemas that were just written are compared without a finding."""
    with generated(model) as module:
        schema = getattr(module, f"{model.__name__}{purpose.title()}")
        assert differences(model, schema, purpose) == ()


@pytest.mark.parametrize(
    ("model", "schema", "purpose"),
    [(Work, WorkOut, "read"), (Country, CountryIn, "create"), (Country, Guarded, "create")],
)
def test_another_way_to_write_it_is_no_difference(
    model: type[Any], schema: Any, purpose: Purpose
) -> None:
    """Aliases, wider types, narrower choices, nested schemas and validators fit as they are."""
    assert differences(model, schema, purpose) == ()


def finding(annotation: Any, name: str, model: type[Any], purpose: Purpose) -> list[str]:
    """Return the codes of what is wrong with one field, and with no other."""
    schema = type("Schema", (BaseModel,), {"__annotations__": {name: annotation}})
    found = differences(model, schema, purpose)
    assert {part.code for part in found} <= set(CODES)
    return [part.code for part in found if not part.code.startswith("missing")]


@pytest.mark.parametrize(
    ("annotation", "name", "model", "codes"),
    [
        (str, "name", Artist, []),
        (str, "nam", Artist, ["unknown-field"]),
        (int, "name", Artist, ["type"]),
        (str, "id", Artist, ["type"]),
        (UUID | str, "id", Artist, []),
        (str, "email", Artist, ["null"]),
        (Any, "email", Artist, []),
        (Annotated[str, Field(max_length=99)], "name", Artist, ["length"]),
        (Annotated[str, Field(max_length=100)], "name", Artist, []),
        (str | None, "password_hash", Artist, ["secret"]),
        (str | None, "bank_account", Artist, ["secret"]),
        (list[Any], "works", Artist, []),
        (str, "signature", Artist, []),
        (Style, "style", Artist, []),
        (bool, "twice", Work, ["type"]),
    ],
)
def test_read_schemas(annotation: Any, name: str, model: type[Any], codes: list[str]) -> None:
    """A read schema is told what would fail an answer, and what no answer should show."""
    assert finding(annotation, name, model, "read") == codes


@pytest.mark.parametrize("purpose", ["create", "update"])
@pytest.mark.parametrize(
    ("annotation", "name", "model", "codes"),
    [
        (Annotated[str, Field(max_length=100)], "name", Artist, []),
        (Annotated[str, Field(max_length=101)], "name", Artist, ["length"]),
        (str, "name", Artist, ["length"]),
        (Annotated[str | None, Field(max_length=9)], "name", Artist, ["null"]),
        (Annotated[str, Field(max_length=9)], "email", Artist, []),
        (datetime | None, "seen_at", Artist, ["time-zone"]),
        (datetime, "made", Work, ["time-zone"]),
        (Decimal, "fee", Artist, ["precision"]),
        (Annotated[Decimal, Field(max_digits=10, decimal_places=2)], "fee", Artist, []),
        (Annotated[Decimal, Field(max_digits=10, decimal_places=3)], "fee", Artist, ["precision"]),
        (int, "width", Work, ["range"]),
        (Annotated[int, Field(gt=0, lt=100)], "width", Work, []),
        (Annotated[int, Field(ge=0)], "width", Work, ["range"]),
        (Annotated[int, Field(gt=-32769, lt=32768)], "width", Work, []),
        (Annotated[int, Field(gt=-32770, lt=9)], "width", Work, ["range"]),
        (str, "artist_id", Work, ["type"]),
        (UUID | str, "artist_id", Work, ["type"]),
        (UUID, "id", Artist, ["not-writable"]),
        (int, "version", Artist, ["not-writable"]),
        (datetime, "updated_at", Artist, ["not-writable"]),
        (int, "twice", Work, ["not-writable"]),
        (str, "kind", Work, ["not-writable"]),
        (str, "shouted", Work, ["not-writable"]),
        (Style, "style", Artist, []),
        (dict[str, Any], "country", Artist, []),
    ],
)
def test_write_schemas(
    annotation: Any, name: str, model: type[Any], codes: list[str], purpose: Purpose
) -> None:
    """A create or update schema is told what the database would refuse, and what is not sent."""
    assert finding(annotation, name, model, purpose) == codes


def test_a_key_is_given_once() -> None:
    """A key that clients choose can be created, and not changed."""
    code = Annotated[str, Field(max_length=2)]
    assert finding(code, "code", Country, "create") == []
    assert finding(code, "code", Country, "update") == ["not-writable"]


def test_what_is_missing_is_told() -> None:
    """Attributes without a field are listed; those a new row cannot do without, apart."""

    class Empty(BaseModel):
        pass

    def missing(purpose: Purpose) -> dict[str, str]:
        return {part.field: part.code for part in differences(Work, Empty, purpose)}

    assert missing("create") == {
        "title": "missing-required",
        "artist_id": "missing-required",
        "made": "missing-field",
        "width": "missing-field",
        "thumbnail": "missing-field",
        "details": "missing-field",
    }
    assert set(missing("read")) == {*missing("create"), "id", "kind", "twice", "shouted"}
    assert missing("update") == dict.fromkeys(missing("create"), "missing-field")


def test_what_is_no_schema_is_refused() -> None:
    """Something that has no fields is refused with what to pass instead."""
    with pytest.raises(ConfigurationError, match="Pass a Pydantic model"):
        differences(Country, Style, "read")
