"""What a schema reads of a mapped class."""

from dataclasses import dataclass
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

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import models_of
from holdfast.plan.nodes import ColumnField, Node, RelationField, SuppliedField
from tests.library import Author, Book, Country, Tag
from tests.plan.workshop import Drill, Machine, Part


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
