"""A filled library and workshop, and what schemas make of their rows."""

from typing import Any

from pydantic import (
    TypeAdapter,
)
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from holdfast.plan.analysis import analyse
from holdfast.plan.loading import (
    loader_options,
    models_of,
)
from holdfast.query.scope import EVERY_ROW, RowScope
from tests.library import Author, Base, Book, Country, Tag
from tests.plan import workshop
from tests.plan.workshop import Drill, Lease, Machine, Manual, Owner, Part


def fill(engine: Engine) -> None:
    """Make the tables, and five authors of a tenant with books of two tenants."""
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
