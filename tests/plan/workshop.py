"""A workshop in a database: the unusual things that a mapping can hold.

Machines are of two kinds, have a manual at most, parts, and owners through leases.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Integer, String, and_, func, select
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    WriteOnlyMapped,
    aliased,
    attribute_keyed_dict,
    column_property,
    composite,
    deferred,
    mapped_column,
    relationship,
    synonym,
)

__all__ = ("Base", "Drill", "Lease", "Machine", "Manual", "Owner", "Part", "Size")


class Base(DeclarativeBase):
    """Tables of the workshop alone."""


@dataclass
class Size:
    """How large a machine is."""

    width: int
    height: int


class Part(Base):
    """What a machine is made of."""

    __tablename__ = "workshop_part"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    machine_id: Mapped[int] = mapped_column(ForeignKey("workshop_machine.id"))

    machine: Mapped["Machine"] = relationship(back_populates="parts")


class Owner(Base):
    """Somebody who leases machines."""

    __tablename__ = "workshop_owner"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    totp_secret: Mapped[str | None] = mapped_column(String(50))


class Lease(Base):
    """Who has a machine, and on what terms."""

    __tablename__ = "workshop_lease"

    machine_id: Mapped[int] = mapped_column(ForeignKey("workshop_machine.id"), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("workshop_owner.id"), primary_key=True)

    owner: Mapped[Owner] = relationship()


class Manual(Base):
    """How a machine is used: one at most, as its foreign key is unique."""

    __tablename__ = "workshop_manual"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(50))
    machine_id: Mapped[int] = mapped_column(ForeignKey("workshop_machine.id"), unique=True)


class Machine(Base):
    """What stands in the workshop."""

    __tablename__ = "workshop_machine"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "machine"}  # noqa: RUF012

    color = "grey"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(50))
    notes: Mapped[str | None] = deferred(mapped_column(String(50)))
    facts: Mapped[Any] = mapped_column(JSON, default=dict)
    width: Mapped[int] = mapped_column(Integer, default=1)
    height: Mapped[int] = mapped_column(Integer, default=2)
    api_key: Mapped[str | None] = mapped_column(String(50))
    password_changed_at: Mapped[datetime | None] = mapped_column(DateTime)
    base_id: Mapped[int | None] = mapped_column(ForeignKey("workshop_machine.id"))

    size: Mapped[Size] = composite("width", "height")
    title: Mapped[str] = synonym("name")
    parts: Mapped[list[Part]] = relationship(back_populates="machine", order_by=Part.id)
    parts_by_name: Mapped[dict[str, Part]] = relationship(
        collection_class=attribute_keyed_dict("name"), viewonly=True
    )
    later_parts: WriteOnlyMapped[Part] = relationship(viewonly=True)
    manual: Mapped[Manual | None] = relationship(lazy="joined")
    any_part: Mapped[Part | None] = relationship(uselist=False, viewonly=True)
    leases: Mapped[list[Lease]] = relationship(lazy="selectin")
    base: Mapped["Machine | None"] = relationship(
        remote_side="Machine.id", back_populates="attached"
    )
    attached: Mapped[list["Machine"]] = relationship(back_populates="base")

    owners: AssociationProxy[list[Owner]] = association_proxy("leases", "owner")
    part_names: AssociationProxy[list[str]] = association_proxy("parts", "name")
    manual_text: AssociationProxy[str | None] = association_proxy("manual", "text")

    part_count: Mapped[int] = column_property(
        select(func.count(Part.id))
        .where(Part.machine_id == id)  # noqa: A003 - the column above
        .correlate_except(Part)
        .scalar_subquery()
    )
    area: Mapped[int] = column_property(width * height)

    @hybrid_property
    def label(self) -> str:
        """Python code that reads columns."""
        return f"{self.name} ({self.kind})"

    @property
    def summary(self) -> str:
        """Python code that reads a relation by other code."""
        return f"{self.label}: {self._parts()}"

    def _parts(self) -> str:
        return ", ".join(part.name for part in self.parts)


_ranked = select(
    Part,
    func.row_number().over(partition_by=Part.machine_id, order_by=Part.id.desc()).label("rank"),
).subquery()
LastPart = aliased(Part, _ranked)
"""The newest part of each machine."""

Machine.last_parts = relationship(
    LastPart,
    primaryjoin=and_(Machine.id == LastPart.machine_id, _ranked.c.rank <= 1),
    viewonly=True,
    uselist=True,
)


class Drill(Machine):
    """A machine with a table of its own."""

    __tablename__ = "workshop_drill"
    __mapper_args__ = {"polymorphic_identity": "drill"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("workshop_machine.id"), primary_key=True)
    speed: Mapped[int] = mapped_column(default=0)

    @hybrid_property
    def label(self) -> str:
        """Python code that reads a column of the subclass."""
        return f"{self.name} ({self.speed})"
