"""What a schema may write of a model."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired

import pytest
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Computed, Identity, Index, UniqueConstraint, event, func
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, synonym
from typing_extensions import TypedDict

from holdfast.errors import ConfigurationError
from holdfast.plan.writable import (
    check_create_schema,
    check_update_schema,
    field_names,
    unscoped_unique_keys,
)
from holdfast.query.scope import SOFT_DELETE
from tests.library import Author, Book, Country


class Own(DeclarativeBase):
    pass


class Thing(Own):
    __tablename__ = "writable_thing"
    __table_args__ = (
        UniqueConstraint("kind", "tenant_id"),
        UniqueConstraint("name", "kind"),
        Index("writable_thing_size", "size", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    tenant_id: Mapped[int]
    size: Mapped[int | None]
    double: Mapped[int | None] = mapped_column(Computed("size * 2"))
    number: Mapped[int] = mapped_column(Identity(always=True))
    made: Mapped[datetime] = mapped_column(server_default=func.now())
    other_name: Mapped[str] = synonym("name")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "thing"}  # noqa: RUF012


Thing.long_name = column_property(Thing.name + Thing.name)


def schema(**fields: Any) -> type[BaseModel]:
    annotations = dict.fromkeys(fields, Any)
    return type("Body", (BaseModel,), {"__annotations__": annotations, **fields})


WHOLE = {"name": "", "tenant_id": 1}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kind", "which the mapper or the database makes"),
        ("double", "which the mapper or the database makes"),
        ("number", "which the mapper or the database makes"),
        ("long_name", "which the mapper or the database makes"),
        ("other_name", "which is no column"),
        ("colour", "which is no column of Thing"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, reason: str) -> None:
    """A field that is generated, no column, or unknown is refused in both kinds of schema."""
    for check in (check_create_schema, check_update_schema):
        with pytest.raises(ConfigurationError, match=f"Body .*'{name}', {reason}.* Leave it out"):
            check(Thing, schema(**WHOLE, **{name: 1}))


def test_the_version_is_not_written() -> None:
    """The mapper's version column is refused."""
    with pytest.raises(ConfigurationError, match="the version that the mapper counts"):
        check_update_schema(Author, schema(name="", version=1))


def test_the_mark_of_deletion_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that marks deleted rows is refused where it is one, else it is a column."""
    check_update_schema(Author, schema(deleted_at=None))
    monkeypatch.setitem(Author.__table__.c.deleted_at.info, SOFT_DELETE, True)
    with pytest.raises(ConfigurationError, match="DELETE sets it"):
        check_update_schema(Author, schema(deleted_at=None))


def test_a_key_is_given_by_the_url() -> None:
    """An update names no key, a new row none that counts up; a natural primary key is fine."""
    with pytest.raises(ConfigurationError, match="'id', which the URL gives"):
        check_update_schema(Author, schema(id=1))
    with pytest.raises(ConfigurationError, match="'id', which the mapper or the database makes"):
        check_create_schema(Author, schema(id=1, name=""))
    check_create_schema(Country, schema(code="", name=""))
    with pytest.raises(ConfigurationError, match="'code', which the URL gives"):
        check_create_schema(Country, schema(code="", name=""), key=[Country.code])
    check_create_schema(Country, schema(name=""), key=[Country.code])
    with pytest.raises(ConfigurationError, match="'email', which the URL gives"):
        check_update_schema(Author, schema(email=""), key=[Author.email])


def test_relations_are_written_where_they_are_declared() -> None:
    """A relation is refused, unless it is nested; a nested one stands for its foreign key."""
    with pytest.raises(ConfigurationError, match="declare a relation in `nested=`"):
        check_create_schema(Author, schema(name="", books=[]))
    check_create_schema(Author, schema(name="", books=[]), nested=["books"])
    check_create_schema(Book, schema(title="", author=None), nested=["author"])


def test_a_column_that_needs_a_value_needs_a_field() -> None:
    """A NOT NULL column without a default has a field, or is fixed by the scope."""
    with pytest.raises(ConfigurationError, match=r"no 'author_id'.*Add the field"):
        check_create_schema(Book, schema(title=""))
    check_create_schema(Book, schema(title=""), fixed=["author_id"])
    with pytest.raises(ConfigurationError, match="no 'tenant_id'"):
        check_create_schema(Thing, schema(name=""))
    check_create_schema(Thing, schema(**WHOLE))


def test_a_listener_may_set_what_has_no_field() -> None:
    """Where something listens before an INSERT, nobody knows what is missing."""

    class Slug(Own):
        __tablename__ = "writable_slug"
        id: Mapped[int] = mapped_column(primary_key=True)
        slug: Mapped[str]
        name: Mapped[str]

    with pytest.raises(ConfigurationError, match="no 'slug'"):
        check_create_schema(Slug, schema(name=""))
    event.listen(Slug, "before_insert", lambda *_: None)
    check_create_schema(Slug, schema(name=""))


def test_a_constructor_may_set_what_has_no_field() -> None:
    """A constructor of the class's own may do it as well."""

    class Named(Own):
        __tablename__ = "writable_named"
        id: Mapped[int] = mapped_column(primary_key=True)
        slug: Mapped[str]

        def __init__(self, **values: Any) -> None:
            super().__init__(slug="made", **values)

    check_create_schema(Named, schema())


def test_a_service_with_hooks_takes_any_field() -> None:
    """Names are the service's affair where it makes something of the values itself."""

    class Repository(SQLAlchemyAsyncRepository[Thing]):
        model_type = Thing

    class Plain(SQLAlchemyAsyncRepositoryService[Thing, Repository]):
        repository_type = Repository

    class Hooked(Plain):
        async def to_model(self, data: Any, *args: Any, **options: Any) -> Any:
            return await super().to_model(data, *args, **options)

    for check in (check_create_schema, check_update_schema):
        check(Thing, schema(colour=""), service=Hooked)
        with pytest.raises(ConfigurationError, match="colour"):
            check(Thing, schema(colour=""), service=Plain)


def test_changes_need_a_schema_that_knows_what_was_sent() -> None:
    """A dataclass cannot be an update schema; for new rows it can."""

    @dataclass
    class Body:
        name: str
        tenant_id: int

    check_create_schema(Thing, Body)
    with pytest.raises(ConfigurationError, match="Use a Pydantic model or a TypedDict"):
        check_update_schema(Thing, Body)


def test_fields_are_those_of_each_kind_of_schema() -> None:
    """Fields that are excluded from the dump are not written."""

    class Body(BaseModel):
        name: str
        repeated: str = Field(exclude=True)

    class Change(TypedDict, total=False):
        name: str
        size: NotRequired[int]

    assert field_names(Body) == ("name",)
    assert field_names(Change) == ("name", "size")
    check_update_schema(Thing, Change)
    for wrong in (int, list[Body], Body(name="", repeated="")):
        with pytest.raises(ConfigurationError, match="Pass a Pydantic model"):
            field_names(wrong)


def test_undeclared_fields_are_not_taken() -> None:
    """A model that keeps what it does not declare is refused."""

    class Body(BaseModel):
        model_config = ConfigDict(extra="allow")

    with pytest.raises(ConfigurationError, match='Set `extra` to "ignore" or "forbid"'):
        check_update_schema(Thing, Body)


def test_unique_keys_without_the_scope_tell_of_other_rows() -> None:
    """A unique key that clients write and that lacks the scope's column is named."""
    written = ["kind", "name", "size", "tenant_id"]
    found = unscoped_unique_keys(Thing, ["tenant_id"], written)
    assert sorted(found) == [("name", "kind"), ("size",)]
    assert unscoped_unique_keys(Thing, ["tenant_id"], ["size"]) == [("size",)]
    assert unscoped_unique_keys(Thing, [], written) == []
    assert unscoped_unique_keys(Country, ["tenant_id"], ["code"]) == [("code",)]
