"""Orders with lines, notes, an address and a customer: what nested writes are tried on."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast.query.scope import RowScope

__all__ = (
    "Address",
    "Customer",
    "Line",
    "Note",
    "Order",
    "OrderBase",
    "Part",
    "Product",
    "tenant",
)


class OrderBase(DeclarativeBase):
    """Tables of their own."""

    metadata = MetaData()


class Customer(OrderBase):
    """Whom an order is for."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(50))


class Product(OrderBase):
    """What a line is about."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]


class Part(OrderBase):
    """A part of a line."""

    __tablename__ = "part"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "line_number"], ["order_line.order_id", "order_line.number"]
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    line_number: Mapped[int]
    name: Mapped[str] = mapped_column(String(50))


class Line(OrderBase):
    """A line of an order, which it counts for itself."""

    __tablename__ = "order_line"
    __table_args__ = (UniqueConstraint("order_id", "text"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("customer_order.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[int]
    text: Mapped[str] = mapped_column(String(50))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))

    parts: Mapped[list[Part]] = relationship(cascade="all, delete-orphan", order_by=Part.id)


class Note(OrderBase):
    """What somebody wrote, on an order or not."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("customer_order.id"))
    text: Mapped[str] = mapped_column(String(50))
    deleted_at: Mapped[datetime | None]


class Address(OrderBase):
    """Where an order goes."""

    __tablename__ = "address"

    order_id: Mapped[int] = mapped_column(ForeignKey("customer_order.id"), primary_key=True)
    city: Mapped[str] = mapped_column(String(50))
    street: Mapped[str | None] = mapped_column(String(50))


class Order(OrderBase):
    """What a customer wants."""

    __tablename__ = "customer_order"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    title: Mapped[str] = mapped_column(String(50))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))

    customer: Mapped[Customer | None] = relationship()
    lines: Mapped[list[Line]] = relationship(cascade="all, delete-orphan", order_by=Line.number)
    notes: Mapped[list[Note]] = relationship(order_by=Note.id)
    address: Mapped[Address | None] = relationship(cascade="all, delete-orphan")


def tenant(number: int) -> RowScope:
    """Return the scope of a tenant."""
    return RowScope([cls.tenant_id == number for cls in (Customer, Product, Line, Order)])
