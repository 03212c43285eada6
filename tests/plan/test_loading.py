"""What SQL reads for a schema: its columns and relations, in a bounded number of statements."""

from collections.abc import Generator
from typing import Annotated, Any

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    TypeAdapter,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from sqlalchemy import Engine, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session
from typing_extensions import TypeAliasType

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import (
    loader_options,
    models_of,
    reads_one_row,
    shown_attributes,
)
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.testing import count_statements
from tests.library import ENGINES, Author, Base, Book, Country, Tag, engine_for
from tests.plan import workshop
from tests.plan.workshop import Drill, Lease, Machine, Manual, Owner, Part


class CountryRead(BaseModel):
    name: str


class TagRead(BaseModel):
    word: str


class WriterRead(BaseModel):
    email: str | None
    country: CountryRead | None


class BookRead(BaseModel):
    title: str
    tags: list[TagRead]
    author: WriterRead


class AuthorRead(BaseModel):
    id: int
    name: str
    country: CountryRead | None
    books: list[BookRead]


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an engine whose tables hold five authors of a tenant, with books of two tenants."""
    with engine_for(request.param, request) as engine:
        Base.metadata.create_all(engine)
        workshop.Base.metadata.create_all(engine)
        with Session(engine) as session:
            tags = [Tag(word=word) for word in ("dark", "long")]
            country = Country(code="DE", name="Germany")
            for number in range(1, 6):
                author = Author(id=number, name=f"Ann {number}", email=f"{number}@x.org")
                author.country = None if number == 1 else country
                author.books = [
                    Book(id=10 * number + n, title=f"B{n}", tenant_id=1 + n % 2, tags=tags)
                    for n in range(1, 5)
                ]
                session.add(author)
            session.add_all(_machines())
            session.commit()
        yield engine


def _machines() -> list[Machine]:
    saw = Machine(id=1, kind="machine", name="Saw", notes="loud", api_key="k")
    saw.parts = [Part(id=2, name="blade"), Part(id=1, name="belt")]
    saw.manual = Manual(text="Mind your fingers.")
    saw.leases = [Lease(owner=Owner(id=1, name="Olga", totp_secret="s"))]
    drill = Drill(id=2, kind="drill", name="Drill", speed=3)
    drill.parts = [Part(id=3, name="bit")]
    drill.base = saw
    return [saw, drill]


def loaded(
    session: Session, model: type[Any], schema: Any, scope: RowScope = EVERY_ROW
) -> list[Any]:
    """Return what the schema makes of the rows of a class, as a response model would."""
    node = analyse(model, schema)
    statement = select(model).options(*loader_options(node), *scope.options(models_of(node)))
    rows = session.scalars(statement.order_by(model.id).limit(3)).all()
    validated: list[Any] = TypeAdapter(list[schema]).validate_python(rows, from_attributes=True)
    return validated


def test_each_to_many_level_is_one_statement(engine: Engine) -> None:
    """To-one relations are joined, a to-many level is one more statement, and LIMIT counts rows."""
    with Session(engine) as session, count_statements(engine) as statements:
        first, second, third = loaded(session, Author, AuthorRead)
    assert len(statements) == 3
    assert first.country is None
    assert (second.country.name, third.name) == ("Germany", "Ann 3")
    assert [(b.title, b.author.email) for b in second.books] == [
        (f"B{n}", "2@x.org") for n in range(1, 5)
    ]
    assert [t.word for t in first.books[0].tags] == ["dark", "long"]


def test_only_what_is_shown_is_read(engine: Engine) -> None:
    """SQL names the columns of the schema and keys, in nested entities as well."""
    with Session(engine) as session, count_statements(engine) as statements:
        loaded(session, Author, AuthorRead)
    sent = " ".join(statements)
    for column in ("born", "rating", "password_hash", "price", "published", "deleted_at"):
        assert column not in sent


def test_the_scope_holds_in_every_statement(engine: Engine) -> None:
    """Rows outside the scope are in no collection, and a joined one is None."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        books: list[Titled]
        country: CountryRead | None

    scope = RowScope([Book.tenant_id == 2, Country.name != "Germany"])
    with Session(engine) as session, count_statements(engine) as statements:
        authors = loaded(session, Author, Writer, scope)
    assert len(statements) == 2
    assert [[b.title for b in a.books] for a in authors] == [["B1", "B3"]] * 3
    assert [a.country for a in authors] == [None] * 3


def test_nothing_is_loaded_lazily(engine: Engine) -> None:
    """A column or relation that was not asked for raises, on every level."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        books: list[Titled]

    options = loader_options(analyse(Author, Writer))
    with Session(engine) as session, count_statements(engine) as statements:
        author = session.scalars(select(Author).options(*options).order_by(Author.id)).all()[1]
        for entity, name in (
            (author, "name"),
            (author, "country"),
            (author.books[0], "price"),
            (author.books[0], "tags"),
        ):
            with pytest.raises(InvalidRequestError, match="raise"):
                getattr(entity, name)
    assert len(statements) == 2


def test_what_the_mapping_loads_eagerly_is_not(engine: Engine) -> None:
    """A relation that is mapped as eager is read where the schema shows it, and not elsewhere."""

    class Named(BaseModel):
        name: str

    with Session(engine) as session, count_statements(engine) as statements:
        assert [m.name for m in loaded(session, Machine, Named)] == ["Saw", "Drill"]
    assert len(statements) == 1
    assert "workshop_manual" not in statements[0]


def test_one_of_at_most_one_is_joined_where_that_is_proven(engine: Engine) -> None:
    """A unique foreign key allows a join; without one, a second row cannot take a place."""

    class Text(BaseModel):
        text: str

    class Named(BaseModel):
        name: str

    class WithManual(BaseModel):
        name: str
        manual: Text | None

    class WithPart(BaseModel):
        name: str
        any_part: Named | None

    with Session(engine) as session, count_statements(engine) as statements:
        machines = loaded(session, Machine, WithManual)
    assert [(m.name, m.manual and m.manual.text) for m in machines] == [
        ("Saw", "Mind your fingers."),
        ("Drill", None),
    ]
    assert len(statements) == 1
    node = analyse(Machine, WithPart)
    assert not node.relations[0].is_joined


def test_a_proxy_reads_what_is_behind_it(engine: Engine) -> None:
    """An association proxy is read with its relation, entities behind it as their schema says."""

    class Named(BaseModel):
        name: str

    class MachineRead(BaseModel):
        owners: list[Named]
        part_names: list[str]
        manual_text: str | None

    with Session(engine) as session, count_statements(engine) as statements:
        saw, _ = loaded(session, Machine, MachineRead)
    assert [owner.name for owner in saw.owners] == ["Olga"]
    assert (saw.part_names, saw.manual_text) == (["belt", "blade"], "Mind your fingers.")
    assert len(statements) == 3
    assert "totp_secret" not in " ".join(statements)


def test_python_code_finds_what_it_names_loaded(engine: Engine) -> None:
    """Properties and hybrids have every column and the relations named in code they call."""

    class MachineRead(BaseModel):
        label: str
        summary: str
        color: str

    with Session(engine) as session, count_statements(engine) as statements:
        saw, drill = loaded(session, Machine, MachineRead)
    assert saw.summary == "Saw (machine): belt, blade"
    assert (drill.label, drill.color) == ("Drill (3)", "grey")
    assert len(statements) == 3


def test_code_of_a_subclass_finds_its_table_loaded(engine: Engine) -> None:
    """What a subclass adds is read for Python code on any level, by a statement and not by each."""

    class MachineRead(BaseModel):
        label: str

    class PartRead(BaseModel):
        machine: MachineRead

    class PartsRead(BaseModel):
        parts: list[PartRead]

    with Session(engine) as session, count_statements(engine) as statements:
        saw, drill = loaded(session, Machine, PartsRead)
        parts = loaded(session, Part, PartRead)
    assert {part.machine.label for part in saw.parts} == {"Saw (machine)"}
    assert {part.machine.label for part in drill.parts} == {"Drill (3)"}
    assert len(statements) == 2 + 1 + 1 + 1
    assert len(parts) == 3


def test_unusual_attributes_are_read(engine: Engine) -> None:
    """Composites, synonyms, SQL expressions, deferred columns and keyed collections are read."""

    class SizeRead(BaseModel):
        width: int
        height: int

    class PartRead(BaseModel):
        name: str

    class MachineRead(BaseModel):
        size: SizeRead
        title: str
        part_count: int
        area: int
        notes: str | None
        parts_by_name: dict[str, PartRead]

    with Session(engine) as session, count_statements(engine) as statements:
        saw, drill = loaded(session, Machine, MachineRead)
    assert (saw.size, saw.title, saw.part_count, saw.area, saw.notes) == (
        SizeRead(width=1, height=2),
        "Saw",
        2,
        2,
        "loud",
    )
    assert sorted(saw.parts_by_name) == ["belt", "blade"]
    assert drill.part_count == 1
    assert len(statements) == 2


def test_an_inherited_table_is_joined(engine: Engine) -> None:
    """A class with a table of its own is read with its parent's columns, in one statement."""

    class DrillRead(BaseModel):
        name: str
        speed: int

    with Session(engine) as session, count_statements(engine) as statements:
        assert loaded(session, Drill, DrillRead) == [DrillRead(name="Drill", speed=3)]
    assert len(statements) == 1
    assert reads_one_row(analyse(Drill, DrillRead))


def test_a_class_may_lead_to_itself(engine: Engine) -> None:
    """Rows that are read on several levels of one table have what each level shows."""

    class Leaf(BaseModel):
        id: int

    class Branch(BaseModel):
        base: Leaf | None
        attached: list[Leaf]

    class Tree(BaseModel):
        name: str
        base: Branch | None
        attached: list[Branch]

    with Session(engine) as session, count_statements(engine) as statements:
        saw, drill = loaded(session, Machine, Tree)
    assert saw == Tree(name="Saw", base=None, attached=[Branch(base=Leaf(id=1), attached=[])])
    assert drill == Tree(name="Drill", base=Branch(base=None, attached=[Leaf(id=2)]), attached=[])
    assert len(statements) <= 4


def test_a_relation_may_lead_to_an_alias(engine: Engine) -> None:
    """A relation to an alias of a class reads the alias, within the scope."""

    class PartRead(BaseModel):
        name: str

    class Last(BaseModel):
        last_parts: list[PartRead]

    for scope, names in ((EVERY_ROW, "blade"), (RowScope([Part.name != "blade"]), "belt")):
        with Session(engine) as session, count_statements(engine) as statements:
            saw, _ = loaded(session, Machine, Last, scope)
        assert [part.name for part in saw.last_parts] == [names]
        assert len(statements) == 2


def test_the_scope_holds_in_expressions(engine: Engine) -> None:
    """A subquery that a column is mapped to counts the rows of the scope alone."""

    class Counted(BaseModel):
        part_count: int

    with Session(engine) as session:
        machines = loaded(session, Machine, Counted, RowScope([Part.name == "belt"]))
    assert [m.part_count for m in machines] == [1, 0]
    assert models_of(analyse(Machine, Counted)) == (Machine, Part)


def test_an_entity_that_two_paths_lead_to_has_what_both_read(engine: Engine) -> None:
    """A row that is read on two levels has the columns and relations of either."""

    class WriterOfBook(BaseModel):
        email: str | None
        country: CountryRead | None

    class BookOfWriter(BaseModel):
        author: WriterOfBook

    class Writer(BaseModel):
        name: str
        books: list[BookOfWriter]

    with Session(engine) as session, count_statements(engine) as statements:
        _, second, _ = loaded(session, Author, Writer)
    assert [(b.author.email, b.author.country.name) for b in second.books] == [
        ("2@x.org", "Germany")
    ] * 4
    assert len(statements) == 2


def test_an_entity_that_the_session_holds_is_completed(engine: Engine) -> None:
    """What a row lacks because an earlier statement read less of it is read."""

    class Short(BaseModel):
        name: str

    with Session(engine) as session:
        kept = session.scalars(select(Author).options(*loader_options(analyse(Author, Short))))
        kept_rows = kept.all()
        authors = loaded(session, Author, AuthorRead)
        assert [a.id for a in authors] == [a.id for a in kept_rows[:3]] == [1, 2, 3]
        assert len(authors[1].books[0].tags) == 2


def test_two_fields_may_show_one_relation(engine: Engine) -> None:
    """The columns and relations that two schemas read behind one relation are read together."""

    class Titled(BaseModel):
        title: str

    class Tagged(BaseModel):
        tags: list[TagRead]

    class Writer(BaseModel):
        books: list[Titled]
        tagged: list[Tagged] = Field(validation_alias="books")

    with Session(engine) as session, count_statements(engine) as statements:
        first, *_ = loaded(session, Author, Writer)
    assert first.books[0].title == "B1"
    assert [tag.word for tag in first.tagged[0].tags] == ["dark", "long"]
    assert len(statements) == 3


def test_a_validator_that_sees_the_entity_finds_it_loaded(engine: Engine) -> None:
    """A validator of the whole model, or of a relation, has the columns of what it is given."""

    class Writer(BaseModel):
        initials: str
        books: list[str]

        @model_validator(mode="before")
        @classmethod
        def abbreviate(cls, author: Author) -> dict[str, Any]:
            return {"initials": author.name[:1], "books": author.books}

        @field_validator("books", mode="before")
        @classmethod
        def titles(cls, books: list[Book]) -> list[str]:
            return [book.title for book in books]

    node = analyse(Author, Writer)
    assert node.needs_entity
    with Session(engine) as session, count_statements(engine) as statements:
        first, *_ = loaded(session, Author, Writer)
    assert (first.initials, first.books) == ("A", ["B1", "B2", "B3", "B4"])
    assert len(statements) == 2


def test_what_is_asked_for_is_what_is_read(engine: Engine) -> None:
    """Chosen fields and included relations decide the columns and statements."""

    class Titled(BaseModel):
        title: str

    class Writer(BaseModel):
        id: int
        name: str
        rating: int | None
        books: list[Titled] = []

    node = analyse(Author, Writer, include=[Author.books])
    asked = {"fields": frozenset({"rating"})}
    for more, number in (({}, 1), ({"include": frozenset({"books"})}, 2)):
        options = loader_options(node, **asked, **more)
        with Session(engine) as session, count_statements(engine) as statements:
            session.scalars(select(Author).options(*options)).all()
        assert len(statements) == number
        assert "rating" in statements[0]
        assert "name" not in statements[0]


class Plain(BaseModel):
    id: int
    name: str


class Doubled(BaseModel):
    rating: int | None

    @field_serializer("rating")
    def double(self, rating: int | None) -> int | None:
        return rating and 2 * rating


class Masked(BaseModel):
    email: SecretStr | None
    name: str = Field(exclude=True)
    id: Annotated[int, AfterValidator(lambda number: number + 1)]


Hidden = TypeAliasType("Hidden", Annotated[str, AfterValidator(lambda text: text[:1])])


class Aliased(BaseModel):
    name: Hidden
    email: Hidden | None


class Named(BaseModel):
    name: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def upper(self) -> str:
        return self.name.upper()


class Area(BaseModel):
    area: int


class Label(BaseModel):
    label: str


class Count(BaseModel):
    part_count: int


@pytest.mark.parametrize(
    ("model", "schema", "one_row", "shown"),
    [
        (Author, Plain, True, {"id", "name"}),
        (Author, AuthorRead, False, {"id", "name"}),
        (Author, Doubled, False, set()),
        (Author, Masked, True, set()),
        (Author, Aliased, True, set()),
        (Author, Named, False, {"name"}),
        (Machine, Area, True, {"area"}),
        (Machine, Label, False, set()),
        (Machine, Count, False, {"part_count"}),
    ],
)
def test_what_is_shown_is_known(
    model: type[Any], schema: type[Any], one_row: bool, shown: set[str]
) -> None:
    """Whether one row decides an answer, and which values are in it unchanged, is proven or no."""
    node = analyse(model, schema)
    assert reads_one_row(node) is one_row
    assert shown_attributes(node) == shown
