"""What is proven of an answer: that one row decides it, and what it shows unchanged."""

from typing import Annotated, Any

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    computed_field,
    field_serializer,
)
from typing_extensions import TypeAliasType

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import (
    reads_one_row,
    shown_attributes,
)
from tests.library import Author
from tests.plan.workshop import Machine


class CountryRead(BaseModel):
    name: str


class TagRead(BaseModel):
    word: str


class WriterRead(BaseModel):
    email: str | None
    country: CountryRead | None


class BookRead(BaseModel):
    title: str
    tags: list[TagRead]
    author: WriterRead


class AuthorRead(BaseModel):
    id: int
    name: str
    country: CountryRead | None
    books: list[BookRead]


class Plain(BaseModel):
    id: int
    name: str


class Doubled(BaseModel):
    rating: int | None

    @field_serializer("rating")
    def double(self, rating: int | None) -> int | None:
        return rating and 2 * rating


class Masked(BaseModel):
    email: SecretStr | None
    name: str = Field(exclude=True)
    id: Annotated[int, AfterValidator(lambda number: number + 1)]


Hidden = TypeAliasType("Hidden", Annotated[str, AfterValidator(lambda text: text[:1])])


class Aliased(BaseModel):
    name: Hidden
    email: Hidden | None


class Named(BaseModel):
    name: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def upper(self) -> str:
        return self.name.upper()


class Area(BaseModel):
    area: int


class Label(BaseModel):
    label: str


class Count(BaseModel):
    part_count: int


@pytest.mark.parametrize(
    ("model", "schema", "one_row", "shown"),
    [
        (Author, Plain, True, {"id", "name"}),
        (Author, AuthorRead, False, {"id", "name", "country.name"}),
        (Author, Doubled, False, set()),
        (Author, Masked, True, set()),
        (Author, Aliased, True, set()),
        (Author, Named, False, {"name"}),
        (Machine, Area, True, {"area"}),
        (Machine, Label, False, set()),
        (Machine, Count, False, {"part_count"}),
    ],
)
def test_what_is_shown_is_known(
    model: type[Any], schema: type[Any], one_row: bool, shown: set[str]
) -> None:
    """Whether one row decides an answer, and which values are in it unchanged, is proven or no."""
    node = analyse(model, schema)
    assert reads_one_row(node) is one_row
    assert shown_attributes(node) == shown
