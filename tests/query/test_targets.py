"""Whether the rows that foreign keys refer to are ones the request may see."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine, ForeignKey, ForeignKeyConstraint, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, defer, mapped_column, relationship

from holdfast.problems import ProblemError
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.targets import check_targets, references_of, unseen_targets
from holdfast.query.update import change_row
from holdfast.testing import count_statements
from tests.library import ENGINES, engine_for
from tests.query.writers import service_class


class Own(DeclarativeBase):
    pass


class Place(Own):
    __tablename__ = "targets_place"

    code: Mapped[str] = mapped_column(String(5), primary_key=True)
    tenant_id: Mapped[int]


class Room(Own):
    __tablename__ = "targets_room"

    tenant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Party(Own):
    __tablename__ = "targets_party"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    tenant_id: Mapped[int]

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "party"}  # noqa: RUF012


class Person(Party):
    __mapper_args__ = {"polymorphic_identity": "person"}  # noqa: RUF012


class Visit(Own):
    __tablename__ = "targets_visit"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "room_number"], ["targets_room.tenant_id", "targets_room.number"]
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    room_number: Mapped[int | None]
    place_code: Mapped[str | None] = mapped_column("place", ForeignKey("targets_place.code"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("targets_party.id"))

    person: Mapped[Person | None] = relationship()


TENANT = RowScope(
    [Place.tenant_id == 1, Room.tenant_id == 1, Party.tenant_id == 1, Visit.tenant_id == 1]
)


@pytest.fixture(params=ENGINES, scope="module")
def session(request: pytest.FixtureRequest) -> Generator[Session]:
    with engine_for(request.param, request) as engine:
        Own.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all([Place(code="Here", tenant_id=1), Place(code="there", tenant_id=2)])
            session.add_all([Room(tenant_id=1, number=1), Room(tenant_id=2, number=2)])
            session.add_all([Person(id=1, tenant_id=1), Person(id=2, tenant_id=2)])
            session.add(Party(id=3, tenant_id=1))
            session.commit()
            yield session


def bind(session: Session) -> Engine:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return engine


def test_targets_are_what_the_mapping_says() -> None:
    """Fields are attributes, whatever their columns are called; a relation names the class."""
    found = {reference.fields: reference.target for reference in references_of(Visit)}
    assert found == {
        ("tenant_id", "room_number"): Room,
        ("place_code",): Place,
        ("person_id",): Person,
    }


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"place_code": "there"}, ["place_code"]),
        ({"place_code": "none"}, ["place_code"]),
        ({"tenant_id": 1, "room_number": 2}, ["tenant_id", "room_number"]),
        ({"person_id": 2}, ["person_id"]),
        ({"person_id": 3}, ["person_id"]),
    ],
    ids=str,
)
def test_a_target_outside_is_refused(
    session: Session, values: dict[str, object], fields: list[str]
) -> None:
    """A row of another tenant, of another kind, or none at all is a 409 that names the fields."""
    with pytest.raises(ProblemError) as refusal:
        check_targets(session, Visit, values, TENANT)
    assert refusal.value.problem.code == "foreign-key-violation"
    assert refusal.value.problem.extensions == {"fields": fields}


def test_a_target_inside_costs_a_statement_each(session: Session) -> None:
    """Each scoped foreign key that is set is one statement; NULL and absent ones are none."""
    values = {"tenant_id": 1, "room_number": 1, "place_code": "Here", "person_id": 1}
    with count_statements(bind(session)) as statements:
        check_targets(session, Visit, values, TENANT)
    assert len(statements) == 3
    with count_statements(bind(session)) as statements:
        check_targets(session, Visit, {"person_id": None}, TENANT)
        check_targets(
            session, Visit, values, TENANT, exempt=["room_number", "place_code", "person_id"]
        )
        check_targets(session, Visit, values, EVERY_ROW)
    assert statements == []


def test_many_rows_cost_a_statement_for_each_foreign_key(session: Session) -> None:
    """The targets of many rows are looked up together, and rows that fail are told by index."""
    rows = [{"place_code": "Here", "person_id": 1}] * 50 + [{"tenant_id": 1, "room_number": 1}]
    with count_statements(bind(session)) as statements:
        assert unseen_targets(session, Visit, rows, TENANT) == {}
    assert len(statements) == 3
    rows = [
        {"person_id": 1},
        {"person_id": 2},
        {"place_code": "there", "person_id": 1},
        {"tenant_id": 1, "room_number": 1},
        {"tenant_id": 1, "room_number": 2},
    ]
    assert unseen_targets(session, Visit, rows, TENANT) == {
        1: ("person_id",),
        2: ("place_code",),
        4: ("tenant_id", "room_number"),
    }


def test_a_part_of_a_foreign_key_is_checked_with_the_others(session: Session) -> None:
    """Changing one part of a composite key looks the whole up, loaded or not."""
    session.add(Visit(id=1, tenant_id=1, room_number=1))
    session.flush()
    session.expire_all()
    visit = session.scalars(select(Visit).options(defer(Visit.tenant_id))).one()
    service = service_class(Visit, {}, is_async=False)(session=session)
    with pytest.raises(ProblemError) as refusal:
        change_row(service, visit, {"room_number": 2}, scope=TENANT)
    assert refusal.value.problem.extensions == {"fields": ["tenant_id", "room_number"]}
    session.rollback()


def test_equality_is_the_databases_own(session: Session) -> None:
    """Where the database knows no difference of case, a foreign key has none either."""
    folds = bind(session).dialect.name in {"mysql", "mariadb"}
    for rows in ([{"place_code": "HERE"}], [{"place_code": "HERE"}, {"place_code": "Here"}]):
        unseen = unseen_targets(session, Visit, rows, TENANT)
        assert unseen == ({} if folds else {0: ("place_code",)})
