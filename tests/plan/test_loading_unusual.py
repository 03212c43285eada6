"""What SQL reads for code, proxies, expressions, aliases and classes that inherit."""

from typing import Any

from pydantic import (
    BaseModel,
    field_validator,
    model_validator,
)
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import (
    models_of,
    reads_one_row,
)
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.testing import count_statements
from tests.library import Author, Book
from tests.plan.stock import loaded
from tests.plan.workshop import Drill, Machine, Part


def test_a_proxy_reads_what_is_behind_it(stocked: Engine) -> None:
    """An association proxy is read with its relation, entities behind it as their schema says."""

    class Named(BaseModel):
        name: str

    class MachineRead(BaseModel):
        owners: list[Named]
        part_names: list[str]
        manual_text: str | None

    with Session(stocked) as session, count_statements(stocked) as statements:
        saw, _ = loaded(session, Machine, MachineRead)
    assert [owner.name for owner in saw.owners] == ["Olga"]
    assert (saw.part_names, saw.manual_text) == (["belt", "blade"], "Mind your fingers.")
    assert len(statements) == 3
    assert "totp_secret" not in " ".join(statements)


def test_python_code_finds_what_it_names_loaded(stocked: Engine) -> None:
    """Properties and hybrids have every column and the relations named in code they call."""

    class MachineRead(BaseModel):
        label: str
        summary: str
        color: str

    with Session(stocked) as session, count_statements(stocked) as statements:
        saw, drill = loaded(session, Machine, MachineRead)
    assert saw.summary == "Saw (machine): belt, blade"
    assert (drill.label, drill.color) == ("Drill (3)", "grey")
    assert len(statements) == 3


def test_code_of_a_subclass_finds_its_table_loaded(stocked: Engine) -> None:
    """What a subclass adds is read for Python code on any level, by a statement and not by each."""

    class MachineRead(BaseModel):
        label: str

    class PartRead(BaseModel):
        machine: MachineRead

    class PartsRead(BaseModel):
        parts: list[PartRead]

    with Session(stocked) as session, count_statements(stocked) as statements:
        saw, drill = loaded(session, Machine, PartsRead)
        parts = loaded(session, Part, PartRead)
    assert {part.machine.label for part in saw.parts} == {"Saw (machine)"}
    assert {part.machine.label for part in drill.parts} == {"Drill (3)"}
    assert len(statements) == 2 + 1 + 1 + 1
    assert len(parts) == 3


def test_unusual_attributes_are_read(stocked: Engine) -> None:
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

    with Session(stocked) as session, count_statements(stocked) as statements:
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


def test_an_inherited_table_is_joined(stocked: Engine) -> None:
    """A class with a table of its own is read with its parent's columns, in one statement."""

    class DrillRead(BaseModel):
        name: str
        speed: int

    with Session(stocked) as session, count_statements(stocked) as statements:
        assert loaded(session, Drill, DrillRead) == [DrillRead(name="Drill", speed=3)]
    assert len(statements) == 1
    assert reads_one_row(analyse(Drill, DrillRead))


def test_a_class_may_lead_to_itself(stocked: Engine) -> None:
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

    with Session(stocked) as session, count_statements(stocked) as statements:
        saw, drill = loaded(session, Machine, Tree)
    assert saw == Tree(name="Saw", base=None, attached=[Branch(base=Leaf(id=1), attached=[])])
    assert drill == Tree(name="Drill", base=Branch(base=None, attached=[Leaf(id=2)]), attached=[])
    assert len(statements) <= 4


def test_a_relation_may_lead_to_an_alias(stocked: Engine) -> None:
    """A relation to an alias of a class reads the alias, within the scope."""

    class PartRead(BaseModel):
        name: str

    class Last(BaseModel):
        last_parts: list[PartRead]

    for scope, names in ((EVERY_ROW, "blade"), (RowScope([Part.name != "blade"]), "belt")):
        with Session(stocked) as session, count_statements(stocked) as statements:
            saw, _ = loaded(session, Machine, Last, scope)
        assert [part.name for part in saw.last_parts] == [names]
        assert len(statements) == 2


def test_the_scope_holds_in_expressions(stocked: Engine) -> None:
    """A subquery that a column is mapped to counts the rows of the scope alone."""

    class Counted(BaseModel):
        part_count: int

    with Session(stocked) as session:
        machines = loaded(session, Machine, Counted, RowScope([Part.name == "belt"]))
    assert [m.part_count for m in machines] == [1, 0]
    assert models_of(analyse(Machine, Counted)) == (Machine, Part)


def test_a_validator_that_sees_the_entity_finds_it_loaded(stocked: Engine) -> None:
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
    with Session(stocked) as session, count_statements(stocked) as statements:
        first, *_ = loaded(session, Author, Writer)
    assert (first.initials, first.books) == ("A", ["B1", "B2", "B3", "B4"])
    assert len(statements) == 2
