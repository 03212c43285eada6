"""How many rows a relation leads to, as far as its mapping proves it."""

import pytest
from sqlalchemy import Column, ForeignKey, Index, Table, and_, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from holdfast.plan.relations import cannot_multiply


class Base(DeclarativeBase):
    """Tables of this module alone."""


class End(Base):
    """What relations lead to."""

    __tablename__ = "relations_end"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[int] = mapped_column(unique=True)
    low: Mapped[int]
    high: Mapped[int]
    once: Mapped[int] = mapped_column(ForeignKey("relations_start.id"), unique=True)
    often: Mapped[int] = mapped_column(ForeignKey("relations_start.id"))
    live: Mapped[int]


Index("relations_pair", End.low, End.high, unique=True)
Index("relations_live", End.live, unique=True, sqlite_where=End.low > 0)

pairs = Table(
    "relations_pairs",
    Base.metadata,
    Column("start_id", ForeignKey("relations_start.id"), primary_key=True),
    Column("end_id", ForeignKey("relations_end.id"), primary_key=True),
)


class Start(Base):
    """What relations lead from."""

    __tablename__ = "relations_start"

    id: Mapped[int] = mapped_column(primary_key=True)
    end_id: Mapped[int] = mapped_column(ForeignKey("relations_end.id"))
    number: Mapped[int]

    by_key: Mapped[End] = relationship(foreign_keys=end_id)
    by_unique: Mapped[End] = relationship(
        primaryjoin=lambda: foreign(Start.number) == End.code, viewonly=True
    )
    by_index: Mapped[End] = relationship(
        primaryjoin=lambda: and_(
            foreign(Start.number) == End.low, foreign(Start.end_id) == End.high
        ),
        viewonly=True,
    )
    by_half: Mapped[End] = relationship(
        primaryjoin=lambda: foreign(Start.number) == End.low, viewonly=True
    )
    by_range: Mapped[End] = relationship(
        primaryjoin=lambda: foreign(Start.number) >= End.code, viewonly=True
    )
    by_live: Mapped[End] = relationship(
        primaryjoin=lambda: foreign(Start.number) == End.live, viewonly=True
    )
    once: Mapped[End] = relationship(foreign_keys=End.once, uselist=False)
    often: Mapped[End] = relationship(foreign_keys=End.often, uselist=False, viewonly=True)
    many: Mapped[list[End]] = relationship(foreign_keys=End.often, viewonly=True)
    across: Mapped[End] = relationship(secondary=pairs, uselist=False)


@pytest.mark.parametrize(
    ("name", "is_proven"),
    [
        ("by_key", True),
        ("by_unique", True),
        ("by_index", True),
        ("by_half", False),
        ("by_range", False),
        ("by_live", False),
        ("once", True),
        ("often", False),
        ("many", False),
        ("across", False),
    ],
)
def test_a_join_is_taken_where_a_key_proves_it(name: str, is_proven: bool) -> None:
    """Equality with a whole key of the far table leads to one row, and nothing less does."""
    assert cannot_multiply(inspect(Start).relationships[name]) is is_proven
