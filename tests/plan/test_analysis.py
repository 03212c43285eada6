"""What a schema reads of a mapped class, and what is refused."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, NotRequired, TypeVar

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    model_serializer,
    model_validator,
)
from sqlalchemy.orm import aliased
from typing_extensions import TypedDict

from holdfast.errors import ConfigurationError
from holdfast.plan.analysis import analyse
from holdfast.plan.loading import models_of
from holdfast.plan.nodes import ColumnField, Node, RelationField, SuppliedField
from holdfast.plan.relations import check_required
from holdfast.query.scope import SOFT_DELETE
from tests.library import Author, Book, Country, Tag
from tests.plan.workshop import Drill, Machine, Owner, Part


def column(name: str, **changed: Any) -> ColumnField:
    """Return the node of a plain column that is shown by its own name."""
    fields: dict[str, Any] = {
        "name": name,
        "key": name,
        "shown_as": name,
        "required": True,
        "column": name,
        "is_of_its_row": True,
        "reads": (),
        "is_shown_as_is": True,
    }
    return ColumnField(**fields | changed)


class TagRead(BaseModel):
    word: str


class BookRead(BaseModel):
    title: str
    tags: list[TagRead] = []


class AuthorRead(BaseModel):
    id: int
    full_name: str = Field(validation_alias="name", serialization_alias="fullName")
    books: list[BookRead]


TAGS = RelationField(
    name="tags",
    key="tags",
    shown_as="tags",
    required=False,
    relation="tags",
    node=Node(model=Tag, schema=TagRead, kind="model", fields=(column("word"),)),
    is_to_many=True,
    is_nullable=False,
    is_joined=False,
    is_optional=False,
)


def test_nodes_say_what_is_read() -> None:
    """A schema becomes a frozen tree that compares by value."""
    node = analyse(Author, AuthorRead)
    named = column("full_name", key="name", column="name", shown_as="fullName")
    book = Node(model=Book, schema=BookRead, kind="model", fields=(column("title"), TAGS))
    assert node.fields[:2] == (column("id"), named)
    assert node.relations[0].node == book
    assert node == analyse(Author, AuthorRead)
    assert hash(node) == hash(analyse(Author, AuthorRead))
    assert models_of(node) == (Author, Book, Tag)
    assert not node.needs_entity


def test_dataclasses_and_typed_dicts_are_schemas() -> None:
    """A dataclass, a TypedDict and what is nested in either read the same as a model."""

    @dataclass
    class TagData:
        word: str

    class BookData(TypedDict):
        title: str
        tags: NotRequired[list[TagData]]

    @dataclass
    class AuthorData:
        id: int
        books: tuple[BookData, ...]

    node = analyse(Author, AuthorData)
    (books,) = node.relations
    (tags,) = books.node.relations
    assert [n.kind for n in node.nodes()] == ["dataclass", "typed-dict", "dataclass"]
    assert node.columns == {"id"}
    assert (books.is_to_many, books.required, tags.required) == (True, True, False)
    assert tags.node.fields == (column("word"),)


T = TypeVar("T")


class Listed(BaseModel, Generic[T]):
    books: T


class Books(RootModel[set[BookRead]]):
    pass


@pytest.mark.parametrize(
    "schema",
    [
        Listed[list[BookRead]],
        Listed[tuple[BookRead, ...] | None],
        Listed[Annotated[frozenset[BookRead], Field(description="all")]],
        Listed[Books],
        Listed["list[BookRead] | None"],
    ],
)
def test_a_relation_is_found_in_any_annotation(schema: Any) -> None:
    """Generics, unions with None, root models and collections of any kind are looked through."""
    (relation,) = analyse(Author, schema).relations
    assert relation.node == analyse(Book, BookRead)


def test_names_are_looked_up_as_pydantic_does() -> None:
    """Aliases count where the class has them, by name where the schema allows it."""

    class ByName(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        name: str = Field(alias="fullName")
        born: Any = Field(validation_alias=AliasChoices("birthday", "born"))
        first: str = Field(validation_alias=AliasPath("email", 0))

    fields = analyse(Author, ByName).fields
    assert [(f.name, f.key, f.shown_as) for f in fields] == [
        ("name", "name", "fullName"),
        ("born", "born", "born"),
        ("first", "email", "first"),
    ]


def test_inherited_attributes_are_known() -> None:
    """A subclass shows its parent's columns beside its own."""

    class DrillRead(BaseModel):
        title: str
        speed: int
        color: str

    node = analyse(Drill, DrillRead)
    assert node.columns == {"name", "speed"}
    assert isinstance(node.fields[2], SuppliedField)


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


def test_an_alias_of_a_class_is_a_class() -> None:
    """A relation to an alias reads the alias."""
    other = aliased(Part)
    node = Node(model=other, schema=None, kind="entity")
    assert node.mapped_class is Part


def test_reasons_are_given() -> None:
    """Why only an entity will do, and why no field can be left out, is said in words."""

    class Whole(BaseModel):
        label: str

        @model_validator(mode="after")
        def check(self) -> "Whole":
            return self

        @model_serializer
        def dump(self) -> dict[str, str]:
            return {"label": self.label}

    node = analyse(Machine, Whole)
    assert node.entity_reasons == ("Whole.label is Python code",)
    assert node.whole_reasons == (
        "a validator of Whole sees all of its fields",
        "a serializer of Whole sees all of its fields",
    )
    assert node.serializes_itself


def test_two_levels_may_share_a_schema() -> None:
    """One schema on two branches is no recursion."""

    class Named(BaseModel):
        name: str

    class BookOf(BaseModel):
        author: Named

    class AuthorOf(BaseModel):
        books: list[BookOf]
        country: Named | None

    node = analyse(Author, AuthorOf)
    assert models_of(node) == (Author, Book, Country)
