"""What a client has sent, as values of a model's attributes."""

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter
from pydantic.dataclasses import dataclass as pydantic_dataclass
from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast.problems import ProblemError
from holdfast.query.changes import given, null_fields, refuse_nulls, scoped, storable
from holdfast.query.scope import EVERY_ROW, RowScope


class Own(DeclarativeBase):
    pass


class Thing(Own):
    __tablename__ = "changes_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]
    secret: Mapped[str | None]
    document: Mapped[Any] = mapped_column(JSON, nullable=False)
    tenant_id: Mapped[UUID]


class Size(BaseModel):
    width: int = 1
    height: int = 2


class Body(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)

    name: str | None = Field("unnamed", alias="called")
    note: str | None = None
    size: Size = Size()
    repeated: str | None = Field(None, exclude=True)


def body(**sent: Any) -> Body:
    return Body.model_validate(sent)


def test_unset_is_not_null() -> None:
    """What was not sent is absent, and null is there."""
    assert given(body()) == {}
    assert given(body(note=None)) == {"note": None}
    assert given(body(called="x")) == {"name": "x"}


def test_a_new_row_has_the_defaults_of_its_schema() -> None:
    """Defaults count for a new row; None leaves the choice to the column, unless it was sent."""
    assert given(body(), defaults=True) == {"name": "unnamed", "size": Size()}
    sent = given(body(name=None, note=None), defaults=True)
    assert sent == {"name": None, "note": None, "size": Size()}


def test_only_declared_fields_are_given() -> None:
    """What a model keeps beside its fields, and what it excludes, is not written."""
    assert given(body(tenant_id=2, repeated="x"), defaults=True) == {
        "name": "unnamed",
        "size": Size(),
    }


def test_all_of_a_dataclass_is_given() -> None:
    """A dataclass gives all of its fields, but for a None that is the default."""

    @dataclass
    class Data:
        name: str | None
        note: str | None = None
        tags: list[str] = field(default_factory=list)

    checked: Any = pydantic_dataclass(Data)
    assert given(Data(None)) == {"name": None, "tags": []}
    assert given(checked("x", "y")) == {"name": "x", "note": "y", "tags": []}


def test_a_dictionary_is_copied() -> None:
    """A TypedDict gives the keys that are there, and is not changed itself."""
    sent = {"name": "x"}
    values = given(sent)
    values["note"] = "y"
    assert sent == {"name": "x"}


def test_columns_get_plain_values() -> None:
    """Secrets are laid open, nested schemas become what JSON stores; relations stay."""
    values = {
        "secret": SecretStr("x"),
        "document": [Size(width=3), {"size": Size()}],
        "elsewhere": Size(),
    }
    assert storable(Thing, values) == {
        "secret": "x",
        "document": [{"width": 3, "height": 2}, {"size": {"width": 1, "height": 2}}],
        "elsewhere": Size(),
    }


def test_a_column_of_text_gets_text() -> None:
    """URLs, addresses, UUIDs and members of enumerations are written as their text."""
    kind = Enum("kind", {"A": "a"})
    urls = TypeAdapter(HttpUrl).validate_python("http://example.org/x")
    for value, text in [
        (urls, "http://example.org/x"),
        (IPv4Address("127.0.0.1"), "127.0.0.1"),
        (UUID(int=0), str(UUID(int=0))),
        (kind.A, "a"),
        ("x", "x"),
        (None, None),
    ]:
        assert storable(Thing, {"name": value}) == {"name": text}
    assert storable(Thing, {"tenant_id": UUID(int=0)}) == {"tenant_id": UUID(int=0)}


def test_nulls_are_refused_by_name() -> None:
    """All columns that take no NULL are named; JSON has a null of its own."""
    values = {"name": None, "note": None, "document": None, "tenant_id": None}
    assert null_fields(Thing, values) == ["name", "tenant_id"]
    with pytest.raises(ProblemError) as refusal:
        refuse_nulls(Thing, values)
    assert refusal.value.problem.extensions == {"fields": ["name", "tenant_id"]}
    refuse_nulls(Thing, {"note": None})


def test_a_scope_sets_and_guards_its_values() -> None:
    """A new row gets what the scope fixes; a value that is the same as text passes."""
    tenant = UUID(int=1)
    scope = RowScope(Thing.tenant_id == tenant)
    assert scoped(Thing, {"name": "x"}, scope, new=True) == {"name": "x", "tenant_id": tenant}
    assert scoped(Thing, {"name": "x"}, scope, new=False) == {"name": "x"}
    assert scoped(Thing, {"tenant_id": str(tenant)}, scope, new=True) == {"tenant_id": tenant}
    assert scoped(Thing, {"tenant_id": UUID(int=2)}, EVERY_ROW, new=True)
    for wrong in (UUID(int=2), None, "x"):
        with pytest.raises(ProblemError) as refusal:
            scoped(Thing, {"tenant_id": wrong}, scope, new=False)
        assert refusal.value.problem.extensions == {"fields": ["tenant_id"]}
