"""The words of `q`: as they are written, and by PostgreSQL's full text search."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Computed, ForeignKey, String, Text, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.problems import ProblemError
from holdfast.query.search import (
    MAX_WORDS,
    Search,
    SearchValue,
    TextSearch,
    declared_search,
    search_criterion,
)
from tests.library import ENGINES, engine_for


class Base(DeclarativeBase):
    """Tables of this page alone."""


class Section(Base):
    """What articles are in."""

    __tablename__ = "section"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Article(Base):
    """A text with a title."""

    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    body: Mapped[str | None] = mapped_column(Text())
    section_id: Mapped[int | None] = mapped_column(ForeignKey("section.id"))
    section: Mapped[Section | None] = relationship()


class Indexed(Base):
    """A text whose words the database keeps; of PostgreSQL alone."""

    __tablename__ = "indexed"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text())
    words: Mapped[Any] = mapped_column(
        postgresql.TSVECTOR(), Computed("to_tsvector('english', body)", persisted=True)
    )


@pytest.fixture(params=ENGINES, scope="module")
def session(request: pytest.FixtureRequest) -> Generator[Session]:
    """Give a session on four articles, of which one has neither body nor section."""
    with engine_for(request.param, request) as engine:
        for table in (Section, Article):
            table.__table__.create(engine)  # type: ignore[attr-defined]
        with Session(engine) as session:
            session.add(Section(id=1, name="Ships at sea"))
            session.flush()
            session.add_all(
                [
                    Article(id=1, title="The Ships", body="were sailing", section_id=1),
                    Article(id=2, title="Sail", body="100% wool_len"),
                    Article(id=3, title="Nothing"),
                    Article(id=4, title="ship's [log]", body='say "aye" \\ nay'),
                ]
            )
            session.commit()
            yield session


def _found(session: Session, search: TextSearch, sought: str, model: Any = Article) -> list[int]:
    where = search_criterion(search, sought, session.get_bind().dialect.name)
    return list(session.scalars(select(model.id).where(where).order_by(model.id)))


written = declared_search(Article, [Article.title, Article.body, (Article.section, Section.name)])
english = declared_search(
    Article,
    Search(Article.title, Article.body, (Article.section, Section.name), full_text="english"),
)


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("ship", [1, 4]),
        ("SHIP sail", [1]),
        ("sea", [1]),
        ("  sail  ", [1, 2]),
        ("%", [2]),
        ("_", [2]),
        ("[", [4]),
        ("\\", [4]),
        ('"aye"', [4]),
        ("wool len", [2]),
        ("ship wool", []),
        ("", [1, 2, 3, 4]),
        (" ", [1, 2, 3, 4]),
    ],
)
def test_each_word_is_in_one_of_the_columns(
    session: Session, sought: str, found: list[int]
) -> None:
    """Every word has to be found as it is written, in whatever column, upper or lower case."""
    assert _found(session, written, sought) == found


def test_full_text_finds_other_forms_of_a_word(session: Session) -> None:
    """With full text PostgreSQL finds inflected words; other engines look for what is written."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    assert _found(session, english, "sailed") == ([1, 2] if is_postgres else [])
    # Words of one search may be in two columns of the model.
    assert _found(session, english, "ship sailing") == [1]
    assert _found(session, english, "sea") == [1]
    assert _found(session, english, '"aye nay"') == ([4] if is_postgres else [])
    assert _found(session, english, "sail -ships") == ([2] if is_postgres else [])


@pytest.mark.parametrize("search", [written, english], ids=["written", "full text"])
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sought=st.text(max_size=40) | st.text("\"'-&|!():*<> \\abOR", max_size=40))
def test_no_text_fails(session: Session, search: TextSearch, sought: str) -> None:
    """Whatever passes as `q` is looked for, whichever operators it seems to hold."""
    try:
        accepted = TypeAdapter(SearchValue).validate_python(sought)
    except ValidationError:
        return
    assert set(_found(session, search, accepted)) <= {1, 2, 3, 4}


def test_words_are_few() -> None:
    """More words than are looked for at once are refused, by the parameter and without it."""
    adapter = TypeAdapter[str](SearchValue)
    most = "  ".join("abcdefghij"[:MAX_WORDS])
    assert adapter.validate_python(most) == most
    for refused in (f"{most} k", "\0", "\ud800", "a" * 201):
        with pytest.raises(ValidationError):
            adapter.validate_python(refused)
    with pytest.raises(ProblemError) as refusal:
        search_criterion(written, f"{most} k", "sqlite")
    assert refusal.value.problem.extensions["errors"] == [
        {"loc": ["query", "q"], "msg": "There are more than 10 words", "type": "too_many_words"}
    ]


def test_an_index_on_the_same_expression_is_used(request: pytest.FixtureRequest) -> None:
    """What the statement has is what an index of PostgreSQL can be made on."""
    two = declared_search(Article, Search(Article.title, Article.body, full_text="english"))
    with engine_for("postgresql", request) as engine:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.execute(
                text(
                    "CREATE INDEX found ON article USING gin (to_tsvector('english'::regconfig, "
                    "coalesce(title, '') || ' ' || coalesce(body, '')))"
                )
            )
            session.execute(text("SET enable_seqscan = off"))
            where = search_criterion(two, "ships", "postgresql")
            compiled = select(Article.id).where(where).compile(engine)
            explained = session.connection().exec_driver_sql(f"EXPLAIN {compiled}", compiled.params)
            assert "found" in "\n".join(row[0] for row in explained)
            session.add(Indexed(id=1, body="The ships were sailing"))
            session.flush()
            kept = declared_search(Indexed, Search(Indexed.words, full_text="english"))
            assert _found(session, kept, "ship sail", Indexed) == [1]
            assert _found(session, kept, "wool", Indexed) == []


def test_mistakes_are_told_with_their_remedy() -> None:
    """A search names columns with text, and a configuration that is a plain name."""
    with pytest.raises(ConfigurationError, match="Name them"):
        Search()
    with pytest.raises(ConfigurationError, match="is no plain name"):
        Search(Article.title, full_text="english'; --")
    with pytest.raises(ConfigurationError, match="filter by the others"):
        declared_search(Article, [Article.id])
    with pytest.raises(ConfigurationError, match="Name it"):
        declared_search(Indexed, [Indexed.words])
    with pytest.raises(ConfigurationError, match="Article is not Section"):
        declared_search(Article, [Section.name])


def test_a_description_names_the_columns() -> None:
    """A client reads where words are looked for."""
    assert written.description == (
        "Words to look for in `title`, `body`, `section.name`: each has to be in one of them."
    )
