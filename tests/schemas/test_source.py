"""The source of schemas: complete, formatted, and accepted by every checker."""

import subprocess
import sys
from enum import Enum
from types import ModuleType
from typing import Any

import pytest
from advanced_alchemy.types import StoredObject
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, String, Table, select, util
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.plan.analysis import analyse
from holdfast.plan.writable import check_create_schema, check_update_schema
from holdfast.schemas.classes import schemas_of
from holdfast.schemas.mapping import read_model
from holdfast.schemas.source import source_of
from tests.schemas.gallery import Artist, Country, Poster, Room, Sculpture, Ticket, Work
from tests.schemas.generated import generated
from tests.source import ROOT

GALLERY = (Artist, Work, Sculpture, Room, Ticket, Country, Poster)
GOLDEN = ROOT / "typing_tests" / "generated_schemas.py"
RUFF = [sys.executable, "-m", "ruff"]
STRICT = ["--isolated", "--line-length=100", "--target-version=py311"]
RULES = ["--select=ALL", "--ignore=COM812,CPY,D203,D213,INP001"]


def ruff(command: str, source: str, *options: str) -> str:
    """Run Ruff on some source as if it were the project's own, and return what it complains of."""
    arguments = [*RUFF, command, *STRICT, *options, "--stdin-filename=app/schemas.py", "-"]
    done = subprocess.run(
        arguments, input=source, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_gallery_is_written_as_it_is_on_record() -> None:
    """The whole output is a file that `make types` checks with mypy and pyright, both strict."""
    assert source_of(GALLERY) == GOLDEN.read_text()


def test_ruff_has_nothing_to_say() -> None:
    """The output passes every rule of Ruff, and its formatter changes nothing."""
    source = source_of(GALLERY)
    assert ruff("check", source, *RULES) == ""
    assert ruff("format", source, "--diff") == ""


TEXT = st.text(" abcxyz\"'\\{}%\n\r\t\0\x7f\u200bäéß漢字😀\u2028#")


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    docs=st.lists(st.lists(TEXT, max_size=40).map(" ".join), min_size=3, max_size=3),
    name=st.text("abcdefghijklmnopqrstuvwxyz", min_size=40, max_size=63),
    default=st.lists(TEXT, max_size=20).map(" ".join),
)
def test_any_text_is_formatted(docs: list[str], name: str, default: str) -> None:
    """Whatever is in docs and defaults, the formatter changes nothing, and Python reads it."""

    class Base(DeclarativeBase):
        pass

    columns: list[Column[Any]] = [
        Column("id", Integer, primary_key=True, doc=docs[0]),
        Column(name, String(100), nullable=False, doc=docs[1], default=default),
        Column("note", String(), doc=docs[2], server_default=default),
    ]
    model = type("Thing", (Base,), {"__table__": Table("thing", Base.metadata, *columns)})
    source = source_of([model])
    assert ruff("format", source, "--diff") == ""
    with generated(model) as module:
        found = module.ThingCreate.model_fields
        assert found[name].default == found["note"].default == default
        described = found[name].description or ""
        assert described == " ".join(docs[1].partition("\n\n")[0].split())


@pytest.mark.parametrize("model", GALLERY)
def test_routes_can_be_made_of_them(model: type[Any]) -> None:
    """What is written passes the checks that a router makes of its schemas when it is built."""
    with generated(model) as module:
        analyse(model, getattr(module, f"{model.__name__}Read"))
        check_create_schema(model, getattr(module, f"{model.__name__}Create"))
        check_update_schema(model, getattr(module, f"{model.__name__}Update"))


def test_the_order_of_models_is_that_of_the_call() -> None:
    """The same models give the same text, in the order in which they are named."""
    one, other = source_of([Artist, Work]), source_of([Work, Artist])
    assert one == source_of([Artist, Work])
    assert one.index("ArtistRead") < one.index("WorkRead")
    assert other.index("WorkRead") < other.index("ArtistRead")


def test_fields_do_not_hide_their_own_types() -> None:
    """A column called as a type is, or as something that the file imports, hides neither."""

    class Base(DeclarativeBase):
        pass

    columns: list[Column[Any]] = [
        Column("id", Integer, primary_key=True),
        Column("str", String(5)),
        Column("Field", Integer, nullable=False, default=1),
        Column("Annotated", Integer),
    ]
    odd = type("Odd", (Base,), {"__table__": Table("odd", Base.metadata, *columns)})
    with generated(odd) as module:
        created = module.OddCreate(str="x", Annotated=2)
        assert created.model_dump() == {"str": "x", "Field": 1, "Annotated": 2}
        with pytest.raises(ValueError, match="at most 5 characters"):
            module.OddCreate(str="xxxxxx")


@pytest.mark.skipif(
    not hasattr(util, "portable_instancemethod"),
    reason="Advanced Alchemy's JsonB asks for something that SQLAlchemy 2.1 no longer has",
)
def test_a_stored_file_is_only_read() -> None:
    """Where a file is stored is shown, and is not a client's to say."""

    class Base(DeclarativeBase):
        pass

    columns: list[Column[Any]] = [
        Column("id", Integer, primary_key=True),
        Column("photo", StoredObject("photos")),
    ]
    album = type("Album", (Base,), {"__table__": Table("album", Base.metadata, *columns)})
    read, create, update = schemas_of(read_model(album))
    assert [field.key for field in read.fields] == ["id", "photo"]
    assert (create.fields, update.fields) == ((), ())
    assert "import FileObject" in source_of([album])


def test_a_view_is_only_read() -> None:
    """A class that is mapped to a query has a read schema alone."""

    class Base(DeclarativeBase):
        pass

    class Names(Base):
        __table__ = select(Country.code, Country.name).subquery("names")
        __mapper_args__ = {"primary_key": [__table__.c.code]}  # noqa: RUF012

    source = source_of([Names])
    assert "class NamesRead" in source
    assert "Create" not in source


def local_enum() -> Any:
    class Base(DeclarativeBase):
        pass

    class Hidden(Enum):
        A = "a"

    class Model(Base):
        __tablename__ = "model"
        id: Mapped[int] = mapped_column(primary_key=True)
        hidden: Mapped[Hidden]

    return Model


def unfinished() -> Any:
    class Base(DeclarativeBase):
        pass

    class Model(Base):
        __tablename__ = "model"
        id: Mapped[int] = mapped_column(primary_key=True)
        other: Mapped[Any] = relationship("Nowhere")

    return Model


@pytest.mark.parametrize(
    ("models", "remedy"),
    [
        ([ModuleType("nothing")], "Name a class that SQLAlchemy maps"),
        ([Country.name], "Name a class that SQLAlchemy maps"),
        ([Country, Country], "Write them into files of their own"),
        ([local_enum()], "Define it at the top of a module"),
        ([unfinished()], "Import the modules of all related models"),
    ],
    ids=["no-class", "attribute", "twice", "local-enum", "unfinished"],
)
def test_what_cannot_be_written_says_why(models: list[Any], remedy: str) -> None:
    """A model that has no schemas is refused with what to do about it."""
    with pytest.raises(ConfigurationError, match=remedy):
        source_of(models)
