"""Orders as clients write them with their relations, and what is then stored."""

from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import selectinload

from holdfast.problems import Problem, ProblemError
from holdfast.query.committed import Reload
from holdfast.query.nested import create_nested, update_nested
from holdfast.query.nesting import Nested
from holdfast.query.scope import RowScope
from tests.query.orders import Line, Note, Order, tenant
from tests.query.writers import Writer

__all__ = (
    "FULL",
    "NESTED",
    "AddressIn",
    "CustomerIn",
    "LineIn",
    "NoteIn",
    "OrderIn",
    "PartIn",
    "changing",
    "column",
    "create",
    "lines",
    "refused",
    "reload",
    "update",
)

NESTED = Nested(Order.lines, Line.parts, Order.notes, Order.address, Order.customer)


class PartIn(BaseModel):
    id: int | None = None
    name: str


class LineIn(BaseModel):
    number: int
    text: str
    product_id: int | None = None
    parts: list[PartIn] = []


class NoteIn(BaseModel):
    id: int | None = None
    text: str


class AddressIn(BaseModel):
    city: str
    street: str | None = None


class CustomerIn(BaseModel):
    id: int | None = None
    name: str


class OrderIn(BaseModel):
    title: str
    lines: list[LineIn] = []
    notes: list[NoteIn] = []
    address: AddressIn | None = None
    customer: CustomerIn | None = None


async def create(writer: Writer, data: Any, scope: RowScope | None = None) -> Any:
    within = scope or tenant(1)
    return await writer.run(
        Order,
        lambda service: create_nested(service, data, NESTED, scope=within, reload=reload(within)),
    )


async def update(writer: Writer, key: int, data: Any) -> Any:
    return await writer.run(
        Order,
        lambda service: update_nested(
            service, key, data, NESTED, scope=tenant(1), reload=reload(tenant(1))
        ),
    )


def reload(scope: RowScope) -> Reload:
    """Return how an answer with all the relations is read."""
    relations = (Order.lines, Order.notes, Order.address, Order.customer)
    options = [selectinload(relation) for relation in relations]
    options[0] = selectinload(Order.lines).selectinload(Line.parts)
    models = [Line, Note, Order]
    return Reload([*options, *scope.options(models)], is_complete=lambda _: False)


async def refused(writer: Writer, key: int, data: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await update(writer, key, data)
    return refusal.value.problem


def lines(writer: Writer) -> list[tuple[Any, ...]]:
    found = writer.database.query(
        "SELECT number, text, tenant_id FROM order_line ORDER BY order_id, number"
    )
    return [tuple(row) for row in found]


def column(writer: Writer, sql: str) -> list[Any]:
    return [value for (value,) in writer.database.query(sql)]


FULL = OrderIn(
    title="first",
    lines=[
        LineIn(number=1, text="one", parts=[PartIn(name="a"), PartIn(name="b")]),
        LineIn(number=2, text="two", parts=[PartIn(name="c")]),
    ],
    notes=[NoteIn(text="n1"), NoteIn(text="n2")],
    address=AddressIn(city="Graz"),
    customer=CustomerIn(name="Ann"),
)


def changing(writer: Writer) -> list[str]:
    return [
        sql.split()[0] for sql in writer.statements if sql[:6] in {"INSERT", "UPDATE", "DELETE"}
    ]
