"""Which relations can be written with a row."""

import re
from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.query.nesting import Nested
from tests.library import Author, Book
from tests.query.orders import Address, Line, Order, Part


class Base(DeclarativeBase):
    metadata = MetaData()


class Parent(Base):
    __tablename__ = "parent"

    id: Mapped[int] = mapped_column(primary_key=True)
    strict: Mapped[list["Child"]] = relationship(viewonly=True)
    some: Mapped[list["Child"]] = relationship(
        primaryjoin="and_(Parent.id == Child.parent_id, Child.id > 3)", overlaps="plain"
    )
    plain: Mapped[list["Child"]] = relationship(overlaps="some")


class Child(Base):
    __tablename__ = "child"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (Author.name, "which is no relation"),
        (Book.tags, "over a table of its own"),
        (Parent.strict, "only for reading"),
        (Parent.some, "whose join is more than equal columns"),
        (Parent.plain, 'Add `cascade="all, delete-orphan"`'),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_written_is_refused(attribute: Any, message: str) -> None:
    """A relation whose rows could not be told, linked or removed is refused by name."""
    with pytest.raises(ConfigurationError, match=re.escape(message)) as refusal:
        Nested(attribute)
    assert str(attribute) in str(refusal.value)


def test_what_is_known_of_a_relation() -> None:
    """Links, keys and what becomes of children follow from the mapping."""
    nested = Nested(Order.lines, Line.parts, Order.notes, Order.address, Order.customer)
    found = {nesting.name: nesting for nesting in nested}
    assert found["lines"].links == (("id", "order_id"),)
    assert (found["lines"].key, found["lines"].is_key_generated) == (("number",), False)
    assert (found["parts"].key, found["parts"].is_key_generated) == (("id",), True)
    assert found["parts"].linking == ("order_id", "line_number")
    assert (found["address"].key, found["address"].is_list) == ((), False)
    assert (found["customer"].is_owner, found["customer"].linking) == (False, ())
    assert [found[name].removal for name in ("lines", "notes")] == ["delete", "unlink"]
    assert nested.names(Order) == {"lines", "notes", "address", "customer"}
    assert nested.names(Part) == nested.names(Address) == frozenset()
