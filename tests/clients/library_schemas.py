"""What the service of the library takes and answers."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from holdfast import repository, service
from tests.crud.library_api import CountryRead
from tests.library import Genre, Tag

Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Code = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true is no number")  # noqa: TRY004 - what Pydantic expects
    return value


def _text_alone(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a price is written as a text")  # noqa: TRY004 - what Pydantic expects
    return value


# As their JSON Schemas say, which Pydantic takes less strictly.
Rating = Annotated[int, Field(ge=0, le=5), BeforeValidator(_no_truth)]
Key = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_no_truth)]
Price = Annotated[
    Decimal,
    Field(ge=0, max_digits=10, decimal_places=2),
    BeforeValidator(_text_alone),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,2})?$"}),
]


class Written(BaseModel):
    """What a client sends: nothing but what is known."""

    model_config = ConfigDict(extra="forbid")


class TagService(service.SQLAlchemyAsyncRepositoryService[Tag]):
    """Tags."""

    class Repository(repository.SQLAlchemyAsyncRepository[Tag]):
        model_type = Tag

    repository_type = Repository


class TagRead(BaseModel):
    """A tag as it is answered."""

    id: int
    word: str


class TagPut(Written):
    """A tag, less the word that is its key."""


class TagCreate(Written):
    """A tag as it is sent."""

    word: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[a-z]+$")]


class CountryCreate(Written):
    """A country as it is sent."""

    code: Code
    name: Text


class CountryUpdate(Written):
    """What of a country changes."""

    name: Text = ""


class CountryPut(Written):
    """A country, less its key."""

    name: Text


class BookBrief(BaseModel):
    """A book as its author shows it."""

    id: int
    title: str


class AuthorBrief(BaseModel):
    """An author as a book shows them."""

    id: int
    name: str


class AuthorRead(BaseModel):
    """An author as they are answered."""

    id: int
    name: str
    email: str | None
    rating: int | None
    country_code: str | None
    country: CountryRead | None = None
    books: list[BookBrief] = []


class AuthorCreate(Written):
    """An author as they are sent."""

    name: Text
    email: Text | None = None
    rating: Rating | None = None
    country_code: Code | None = None


class AuthorUpdate(Written):
    """What of an author changes."""

    name: Text = ""
    email: Text | None = None
    rating: Rating | None = None
    country_code: Code | None = None


class BookRead(BaseModel):
    """A book as it is answered."""

    id: int
    title: str
    genre: Genre | None
    price: Decimal | None
    published: datetime | None
    author: AuthorBrief | None
    tags: list[TagRead]


class BookCreate(Written):
    """A book as it is sent."""

    title: Text
    genre: Genre | None = None
    price: Price | None = None
    author_id: Key


class BookUpdate(Written):
    """What of a book changes."""

    title: Text = ""
    genre: Genre | None = None
    price: Price | None = None


class DraftRead(BaseModel):
    """An author as their tenant sees them."""

    id: int
    name: str
    rating: int | None


class DraftUpdate(Written):
    """An author as their tenant sends them."""

    name: Text = ""
    rating: Rating | None = None


class DraftCreate(Written):
    """The same where there is none yet."""

    name: Text
    rating: Rating | None = None
