"""`holdfast schemas`: what it writes, what it finds, and what it says to mistakes."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.cli.commands import holdfast

MODELS = '''
"""Models of a shop."""

from enum import Enum

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

print("This is printed when the module is imported.")


class Base(DeclarativeBase):
    """Tables of the shop."""


class Colour(Enum):
    """What something looks like."""

    RED = "red"


class Names:
    """Holds a model."""

    class Price(Base):
        """What something costs."""

        __tablename__ = "price"
        id: Mapped[int] = mapped_column(primary_key=True)


class Product(Base):
    """Something to buy."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    colour: Mapped[Colour]
'''
SCHEMAS = '''
"""Schemas of a shop."""

from pydantic import BaseModel

from shop.models import Colour


class ProductRead(BaseModel):
    """As it is shown."""

    id: int
    name: str
    colour: Colour


class NewProduct(BaseModel):
    """As it is created."""

    name: str
    colour: Colour
'''


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Make a package of models and schemas in the current folder."""
    package = tmp_path / "shop"
    package.mkdir()
    files = {"__init__": "", "models": MODELS, "schemas": SCHEMAS, "broken": "import nowhere\n"}
    files["failing"] = "\n1 / 0\n"
    files["ending"] = "raise SystemExit('bye')\n"
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("NO_COLOR", "1")
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(holdfast, ["schemas", *arguments], prog_name="holdfast")


def test_schemas_are_written_to_standard_output(shop: Path) -> None:
    """Nothing but the source is on standard output, whatever the module prints."""
    done = run("shop.models:Product", "shop.models:Names.Price")
    assert done.exit_code == 0
    compile(done.stdout, "schemas.py", "exec")
    assert "from shop.models import Colour" in done.stdout
    assert "class ProductUpdate(TypedDict, total=False):" in done.stdout
    assert "class PriceRead(BaseModel):" in done.stdout
    assert "This is printed" in done.stderr


def test_a_file_is_not_overwritten_unless_told_so(shop: Path) -> None:
    """Schemas that somebody may have edited stay as they are without --force."""
    path = shop / "written.py"
    assert run("shop.models:Product", "--output", str(path)).exit_code == 0
    source = path.read_text()
    path.write_text("# edited\n")
    done = run("shop.models:Product", "--output", str(path))
    assert done.exit_code == 2
    assert "overwrite it with --force" in done.stderr
    assert path.read_text() == "# edited\n"
    assert run("shop.models:Product", "--output", str(path), "--force").exit_code == 0
    assert path.read_text() == source


def test_schemas_that_fit_end_with_0(shop: Path) -> None:
    """Without a finding there is nothing on standard output."""
    done = run("shop.models:Product", "--check", "shop.schemas:ProductRead")
    assert (done.exit_code, done.stdout) == (0, "")


def test_findings_end_with_1(shop: Path) -> None:
    """Each finding is a line that names the schema, the field, the kind and the remedy."""
    done = run("shop.models:Product", "--check", "create=shop.schemas:NewProduct")
    assert done.exit_code == 1
    assert done.stdout == (
        "shop.schemas:NewProduct: name: length: the column holds fewer characters than the field "
        "takes: add `Field(max_length=50)`.\n"
    )


def test_a_kind_of_finding_can_be_ignored(shop: Path) -> None:
    """What is ignored is neither listed nor counted."""
    schema = "create=shop.schemas:NewProduct"
    assert run("shop.models:Product", "--check", schema, "--ignore", "length").exit_code == 0


def test_findings_can_be_read_by_programs(shop: Path) -> None:
    """As JSON the findings have the same parts."""
    names = ["shop.schemas:ProductRead", "update=shop.schemas:ProductRead"]
    done = run("shop.models:Product", "--check", *names, "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["model"] == "shop.models:Product"
    assert [(f["schema"], f["field"], f["code"]) for f in report["findings"]] == [
        ("shop.schemas:ProductRead", "id", "not-writable"),
        ("shop.schemas:ProductRead", "name", "length"),
    ]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ("", "Missing argument"),
        ("shop.models", "Write its module, a colon and its name"),
        ("shop/models.py:Product", "A module is written with dots"),
        (":Product", "Write its module, a colon and its name"),
        ("shop.models:", "Write its module, a colon and its name"),
        ("nowhere.models:Product", "There is no module 'nowhere'"),
        ("shop.nowhere:Product", "There is no module 'shop.nowhere'"),
        ("shop.models:Nothing", "shop.models has no 'Nothing'"),
        ("shop.models:Names.Nothing", "shop.models has no 'Names.Nothing'"),
        ("shop.models:Colour", "is not mapped. Name a class"),
        ("shop.broken:Product", "ModuleNotFoundError: No module named 'nowhere'"),
        ("shop.failing:Product", "ZeroDivisionError: division by zero (at "),
        ("shop.ending:Product", "SystemExit: bye"),
        ("shop.models:Product --json", "go with --check"),
        ("shop.models:Product --output nowhere/x.py", "Name a file in a folder that is there"),
        ("shop.models:Product --check", "Name the schemas to check"),
        ("shop.models:Product --check shop.schemas:NewProduct", "Write read=shop.schemas:NewP"),
        ("shop.models:Product --check read=shop.models:Colour", "Pass a Pydantic model"),
        ("shop.models:Colour --check shop.schemas:ProductRead", "is not mapped"),
        ("shop.models:Product --check --ignore lenght shop.schemas:ProductRead", "Known are:"),
        ("shop.models:Product --check --force shop.schemas:ProductRead", "go without --check"),
    ],
)
def test_a_mistake_ends_with_2_and_what_to_write(shop: Path, arguments: str, remedy: str) -> None:
    """What cannot be done is said on standard error, and standard output stays empty."""
    done = run(*arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert remedy in done.stderr
