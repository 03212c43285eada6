"""Finding the one row that a request names."""

from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, Integer, SmallInteger, String, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

from holdfast.problems import ProblemError
from holdfast.query.lookup import Lock, find, find_or_none
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.testing import count_statements
from tests.library import ENGINES, engine_for


class Own(DeclarativeBase):
    pass


class Owner(Own):
    __tablename__ = "lookup_owner"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Animal(Own):
    __tablename__ = "lookup_animal"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(50))
    tenant_id: Mapped[int]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("lookup_owner.id"))

    # As many mappers have it: what is always shown is always loaded.
    owner: Mapped[Owner | None] = relationship(lazy="joined")

    __mapper_args__ = {  # noqa: RUF012 - as SQLAlchemy reads it
        "polymorphic_on": "kind",
        "polymorphic_identity": "animal",
        "with_polymorphic": "*",
    }


class Dog(Animal):
    __tablename__ = "lookup_dog"

    id: Mapped[int] = mapped_column(ForeignKey("lookup_animal.id"), primary_key=True)
    trick: Mapped[str] = mapped_column(String(50))

    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012


class Seat(Own):
    __tablename__ = "lookup_seat"

    row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    letter: Mapped[str] = mapped_column(String(1), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    with engine_for(request.param, request) as engine:
        Own.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(Owner(id=1, name="Ann"))
            session.flush()
            session.add(Dog(id=1, name="Rex", trick="sit", tenant_id=1, owner_id=1))
            session.add(Animal(id=2, name="Tom", tenant_id=2))
            session.add(Seat(row=7, letter="a", number=1))
            session.commit()
        yield engine


@pytest.mark.parametrize("lock", [None, "update", "delete"])
def test_a_row_is_one_statement(engine: Engine, lock: Lock | None) -> None:
    """Columns alone are read, of a subclass as well, and whatever the mapper loads eagerly."""
    for model, key in ((Dog, 1), (Animal, 2), (Seat, (7, "a"))):
        with Session(engine) as session, count_statements(engine) as statements:
            row = find(session, model, key, lock=lock)
            assert isinstance(row, model)
            assert len(statements) == 1
            if isinstance(row, Animal):
                assert "owner" not in vars(row)


def test_options_load_more_beside_the_lock(engine: Engine) -> None:
    """Relations by a join or a further statement can be loaded with a row that is locked."""
    for option in (joinedload(Animal.owner), selectinload(Animal.owner)):
        with Session(engine) as session:
            row = find(session, Animal, 1, options=[option], lock="update")
            assert vars(row)["owner"].name == "Ann"


def test_the_lock_is_of_the_row_alone(engine: Engine) -> None:
    """A row that is locked keeps others from writing it, and leaves its relations free."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with Session(engine) as one, Session(engine) as other:
        find(one, Dog, 1, options=[joinedload(Animal.owner)], lock="update")
        if engine.dialect.name == "postgresql":
            free = select(Owner).with_for_update(nowait=True)
            assert other.scalars(free).one().name == "Ann"
        for table in (Animal.__table__, Dog.__table__):
            taken = select(table).where(table.c.id == 1).with_for_update(skip_locked=True)
            assert other.execute(taken).all() == []


def test_who_is_only_changed_can_be_referred_to(engine: Engine) -> None:
    """On PostgreSQL a lock for a change lets others refer to the row, one for a deletion not."""
    if engine.dialect.name != "postgresql":
        pytest.skip("other engines know one kind of lock")
    refer = select(Owner).with_for_update(read=True, key_share=True, skip_locked=True)
    for lock, found in (("update", 1), ("delete", 0)):
        with Session(engine) as one, Session(engine) as other:
            find(one, Owner, 1, lock=lock)  # type: ignore[arg-type]
            assert len(other.scalars(refer).all()) == found


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (Owner, 9),
        (Owner, 2**31),
        (Owner, 2**63),
        (Owner, -(10**30)),
        (Seat, (2**15, "a")),
        (Seat, (7, "b")),
        (Seat, (7, "\0")),
        (Seat, (7, "\ud800")),
        (Seat, (7, "a" * 10_000)),
    ],
    ids=str,
)
def test_what_cannot_be_there_is_not_found(engine: Engine, model: type[Any], key: Any) -> None:
    """A key that no column could hold is a 404 as any other that is missing."""
    with Session(engine) as session, pytest.raises(ProblemError) as refusal:
        find(session, model, key)
    assert (refusal.value.problem.code, refusal.value.problem.status) == ("not-found", 404)


def test_a_scope_is_of_the_row_found(engine: Engine) -> None:
    """A criterion of a class holds for its subclasses, and does not stay with the row."""
    for tenant, found in ((1, True), (2, False)):
        scope = RowScope(Animal.tenant_id == tenant)
        with Session(engine) as session:
            assert (find_or_none(session, Dog, 1, scope) is not None) == found
            assert (find_or_none(session, Animal, 1, scope, lock="update") is not None) == found


def test_a_natural_key_may_have_several_parts(engine: Engine) -> None:
    """Declared attributes are compared with the parts of the key, in their order."""
    attributes = (Animal.tenant_id, Animal.name)
    with Session(engine) as session:
        row = find(session, Animal, (1, "Rex"), EVERY_ROW, key_attributes=attributes)
        assert row.id == 1
        assert find_or_none(session, Animal, (2, "Rex"), key_attributes=attributes) is None


def test_what_was_read_before_is_read_again(engine: Engine) -> None:
    """A row that the session knows is given as the database has it now."""
    with Session(engine) as session, Session(engine) as other:
        known = session.get_one(Owner, 1)
        session.commit()
        assert known.name == "Ann"
        session.rollback()
        other.get_one(Owner, 1).name = "Bea"
        other.commit()
        assert find(session, Owner, 1, lock="update").name == "Bea"
        session.rollback()
        other.get_one(Owner, 1).name = "Ann"
        other.commit()
