"""What a list can be sorted by, and what a client may ask of that."""

from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey, String, make_url, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.problems import ProblemError
from holdfast.query.sort import (
    MOST_SORT_KEYS,
    declared_sort,
    default_order,
    in_order,
    order_by,
    parse_order,
    sort_models,
)
from tests.library import Author, Book, Country

KEYS = declared_sort(Author, [Author.name, Author.rating, (Author.country, Country.name)])
DEFAULT = default_order("-rating", KEYS, Author)
DIALECTS: dict[str, Any] = {
    name: make_url(f"{name}://").get_dialect()() for name in ("sqlite", "postgresql", "mysql")
}


class Base(DeclarativeBase):
    """Tables that are never made."""


class Owner(Base):
    __tablename__ = "owner"

    id: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    badge: Mapped["Badge"] = relationship(uselist=False)
    locker: Mapped["Locker"] = relationship(uselist=False)


class Badge(Base):
    """One for each owner, which the database knows."""

    __tablename__ = "badge"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(10))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"), unique=True)


class Locker(Base):
    """One for each owner, as only the mapping says."""

    __tablename__ = "locker"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))


def sql(dialect: str, text: str, *, backwards: bool = False) -> str:
    order = parse_order(text, KEYS, DEFAULT, Author)
    parts = order_by(order, dialect, backwards=backwards)
    written = ", ".join(str(part.compile(dialect=DIALECTS[dialect])) for part in parts)
    return written.replace("library_author.", "")


def test_an_order_ends_with_the_primary_key_in_the_direction_of_the_last_key() -> None:
    """So it is total, and one index serves it in both directions."""
    for text, total in (
        ("name", "name,id"),
        ("-name", "-name,-id"),
        ("-rating,country.name", "-rating,country.name,id"),
        ("-name,rating,name", "-name,rating,id"),
    ):
        assert parse_order(text, KEYS, DEFAULT, Author).text == total
    assert parse_order(None, KEYS, DEFAULT, Author).text == "-rating,-id"
    assert default_order(None, KEYS, Author).text == "id"
    by_id = declared_sort(Author, [Author.id, Author.name])
    assert parse_order("-id,name", by_id, DEFAULT, Author).text == "-id,name"


def test_nothing_is_said_of_nulls_where_an_index_has_them_so() -> None:
    """The clause for NULLs is there only where the engine would put them first."""
    assert sql("postgresql", "name") == "name ASC, id ASC"
    assert sql("postgresql", "rating") == "rating ASC, id ASC"
    assert sql("postgresql", "-rating") == "rating DESC NULLS LAST, id DESC"
    assert sql("postgresql", "-rating", backwards=True) == "rating ASC NULLS FIRST, id ASC"
    assert sql("sqlite", "rating") == "rating ASC NULLS LAST, id ASC"
    assert sql("sqlite", "-rating") == "rating DESC, id DESC"
    assert sql("mysql", "-rating") == "rating DESC, id DESC"
    assert sql("mysql", "-rating", backwards=True) == "rating ASC, id ASC"
    assert "CASE WHEN (rating IS NULL)" in sql("mysql", "rating")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("password_hash", "unknown_sort_key"),
        ("id", "unknown_sort_key"),
        ("", "unknown_sort_key"),
        ("name,", "unknown_sort_key"),
        ("--name", "unknown_sort_key"),
        ("name, rating", "unknown_sort_key"),
        ("name;drop", "unknown_sort_key"),
        (",".join(["name"] * (MOST_SORT_KEYS + 1)), "too_many_sort_keys"),
        ("," * 100_000, "too_many_sort_keys"),
    ],
)
def test_a_client_can_sort_by_what_is_declared_alone(text: str, kind: str) -> None:
    """Everything else is a 422 that names the parameter, and not what was sent."""
    with pytest.raises(ProblemError) as refused:
        parse_order(text, KEYS, DEFAULT, Author)
    problem = refused.value.problem.members()
    assert problem["status"] == 422
    (error,) = problem["errors"]
    assert (error["loc"], error["type"]) == (["query", "sort"], kind)
    assert "password" not in error["msg"]


def test_a_relation_is_joined_once_for_all_its_keys() -> None:
    """Two keys behind one relation are of one outer join, whose class a scope is told of."""
    keys = declared_sort(Book, [(Book.author, Author.name), (Book.author, Author.rating)])
    order = parse_order("author.name,-author.rating", keys, default_order(None, keys, Book), Book)
    statement = str(in_order(select(Book), order, "sqlite"))
    assert statement.count("LEFT OUTER JOIN") == 1
    assert sort_models(keys) == (Author,)


@pytest.mark.parametrize(
    ("model", "declared", "message"),
    [
        (Author, [(Author.books, Book.title)], "behind which a row may have several"),
        (Book, [(Book.tags, Book.tags.property.mapper.class_.word)], "may have several"),
        (Owner, [(Owner.locker, Locker.id)], "behind which a row may have several"),
        (Owner, [Owner.document], "has no order. Leave it out"),
        (Author, [Author.name, Author.name], "Name each key once"),
        (Author, [Book.title], "Write an attribute of Author"),
        (Author, [Author.country], "Name a column of Country"),
    ],
)
def test_what_gives_no_stable_order_is_refused(
    model: type[Any], declared: list[Any], message: str
) -> None:
    """A key that a row has several of, or that has no order, fails when it is declared."""
    with pytest.raises(ConfigurationError, match=message):
        declared_sort(model, declared)


def test_a_relation_to_one_row_is_told_by_a_unique_constraint() -> None:
    """From the other side of a foreign key there is one row where that is unique."""
    (key,) = declared_sort(Owner, [(Owner.badge, Badge.text)])
    assert key.name == "badge.text"


def test_a_default_order_is_of_declared_keys() -> None:
    """Another fails when the list is declared, and says how it is written."""
    with pytest.raises(ConfigurationError, match="Write names that `sort` declares"):
        default_order("-born", KEYS, Author)
