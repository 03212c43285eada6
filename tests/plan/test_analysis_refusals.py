"""What a schema is refused for when it is analysed."""

import re
from datetime import datetime
from typing import Any

import pytest
from pydantic import (
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
)

from holdfast.errors import ConfigurationError
from holdfast.plan.analysis import analyse
from holdfast.plan.relations import check_required
from holdfast.query.scope import SOFT_DELETE
from tests.library import Author, Book
from tests.plan.workshop import Machine, Owner, Part


class TagRead(BaseModel):
    word: str


class BookRead(BaseModel):
    title: str
    tags: list[TagRead] = []


class AuthorRead(BaseModel):
    id: int
    full_name: str = Field(validation_alias="name", serialization_alias="fullName")
    books: list[BookRead]


class Recursive(BaseModel):
    author: "Backwards"


class Backwards(BaseModel):
    books: list[Recursive]


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int


class CountryRead(BaseModel):
    name: str


class PartRead(BaseModel):
    name: str


class TwoSchemas(BaseModel):
    books: list[BookRead | TagRead]


class NoSchema(BaseModel):
    books: list[Any]


class NotOne(BaseModel):
    country: list[CountryRead]


class NotMany(BaseModel):
    books: BookRead


class NotNone(BaseModel):
    country: CountryRead


class Unknown(BaseModel):
    nmae: str | None = None


class CamelCase(BaseModel):
    name: str = Field(alias="fullName")


class Through(BaseModel):
    country: str = Field(validation_alias=AliasPath("country", "name"))


class Later(BaseModel):
    later_parts: list[PartRead]


class Undefined(BaseModel):
    books: list["NowhereToBeFound"]  # type: ignore[name-defined]  # noqa: F821


class Text(BaseModel):
    manual_text: str


class HasPassword(BaseModel):
    password_hash: str | None


class Renamed(BaseModel):
    mark: str | None = Field(validation_alias="password_hash")


class OwnerRead(BaseModel):
    totp_secret: str


class Behind(BaseModel):
    owners: list[OwnerRead]


@pytest.mark.parametrize(
    ("model", "schema", "message"),
    [
        (Author, Unknown, "Unknown.nmae is provided by no attribute of Author. Rename it"),
        (Author, CamelCase, "looked up as 'fullName', which Author does not have. Write serial"),
        (Author, Through, "a path through country, which is no column. Nest a schema"),
        (Author, TwoSchemas, "TwoSchemas.books has more than one schema"),
        (Author, NoSchema, "NoSchema.books has no schema"),
        (Author, NotOne, "is a collection, but the relation leads to one. Annotate it"),
        (Author, NotMany, "is one object, but the relation leads to many. Annotate it"),
        (Author, NotNone, "its column country_code is nullable. Let it be None"),
        (Machine, Text, "Text.manual_text does not accept None, but may lead nowhere: no foreign"),
        (Author, Backwards, "Backwards is nested in itself"),
        (Author, Extra, 'set extra="ignore"'),
        (Author, Undefined, "Define what it names first"),
        (Author, list[AuthorRead], "is no schema of a row. Pass a Pydantic model"),
        (Author, int, "is no schema of a row"),
        (Author, HasPassword, "shows Author.password_hash, which holds a secret. Leave the field"),
        (Author, Renamed, "Renamed.mark shows Author.password_hash, which holds a secret"),
        (Machine, Behind, "OwnerRead.totp_secret shows Owner.totp_secret"),
        (Machine, Later, 'lazy="write_only"'),
    ],
)
def test_what_does_not_fit_is_refused(model: type[Any], schema: Any, message: str) -> None:
    """A schema that the class cannot fill, or that shows a secret, is a mistake in the wiring."""
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        analyse(model, schema)


def test_a_secret_may_be_named() -> None:
    """Secrets are shown where the caller names them, and may be read where they are not shown."""

    class Excluded(BaseModel):
        password_hash: str | None = Field(exclude=True)
        password_changed_at: datetime | None = Field(validation_alias="deleted_at")

    named = analyse(Author, HasPassword, show_secrets=[Author.password_hash])
    assert named.columns == {"password_hash"}
    assert analyse(Author, Excluded).fields[0].shown_as is None
    assert analyse(Machine, Behind, show_secrets=[Owner.totp_secret])
    with pytest.raises(ConfigurationError, match="holds a secret"):
        analyse(Machine, Behind, show_secrets=[Author.password_hash])


def test_an_included_relation_has_a_default() -> None:
    """What a request may leave out needs a default, and has to be shown by the schema."""
    with pytest.raises(ConfigurationError, match=r"has no default\. Give it one"):
        analyse(Author, AuthorRead, include=[Author.books])
    for wrong in (Book.author, Author.country):
        with pytest.raises(ConfigurationError, match=r"which BookRead does not show\."):
            analyse(Book, BookRead, include=[wrong])
    assert analyse(Book, BookRead, include=[Book.tags]).relations[0].is_optional


def test_a_required_relation_leads_somewhere() -> None:
    """What may be soft-deleted is hidden then, so that its field has to accept None."""

    class PartOfMachine(BaseModel):
        machine: PartRead

    node = analyse(Part, PartOfMachine)
    assert not node.relations[0].is_nullable
    info = Machine.__table__.c.password_changed_at.info
    info[SOFT_DELETE] = True
    try:
        with pytest.raises(ConfigurationError, match="Machine is soft-deleted, and hidden then"):
            analyse(Part, PartOfMachine)
        with pytest.raises(ConfigurationError, match=r"PartOfMachine\.machine does not accept"):
            check_required(node)
    finally:
        del info[SOFT_DELETE]
