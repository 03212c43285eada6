"""The configurations: upstream's options, what is checked at once, and what they do by hand."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from advanced_alchemy.config.routing import RoutingConfig
from advanced_alchemy.extensions import fastapi as upstream
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Mapped, Session, mapped_column
from starlette.requests import Request
from starlette.responses import Response

import holdfast
from holdfast import AdvancedAlchemy, AsyncSessionConfig, EngineConfig, base
from holdfast.errors import ConfigurationError
from holdfast.testing import client, fail_next_commit
from holdfast.wiring.sessions import AnyConfig
from tests.engines.database import Database
from tests.wiring.authors import Author, any_config, async_config, sync_config

both_kinds = pytest.mark.parametrize("make", [async_config, sync_config])
REQUEST = Request({"type": "http"})


class Address(BaseModel):
    city: str


class Visitor(base.UUIDBase):
    __tablename__ = "wiring_visitor"

    address: Mapped[Any] = mapped_column(JSON)


async def settle(config: AnyConfig, author: Author, status: int) -> None:
    """End a session that holds an author as an answer with this status demands."""
    session = config.create_session_maker()()
    session.add(author)
    await config.session_handler(session, REQUEST, Response(status_code=status))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["SQLAlchemyAsyncConfig", "SQLAlchemySyncConfig", "EngineConfig"])
def test_every_option_of_upstream_is_taken(name: str) -> None:
    """A config takes every option that upstream's takes, in the same position."""
    theirs = list(inspect.signature(getattr(upstream, name)).parameters)
    ours = list(inspect.signature(getattr(holdfast, name)).parameters)
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize("name", ["SQLAlchemyAsyncConfig", "SQLAlchemySyncConfig"])
def test_defaults_are_those_of_upstream(name: str) -> None:
    """An option left out means what it means upstream."""
    ours, theirs = (
        {
            option.name: option.default
            for option in dataclasses.fields(getattr(package, name))
            if option.default_factory is dataclasses.MISSING
        }
        for package in (holdfast, upstream)
    )
    assert theirs.items() <= ours.items()


@both_kinds
@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("commit_mode", "auto_commit", "Write commit_mode='autocommit'."),
        ("commit_mode", True, "Write commit_mode='manual'."),
        ("on_uncommitted", "warning", "Write on_uncommitted='warn'."),
    ],
)
def test_an_unknown_choice_is_refused(
    make: Callable[..., AnyConfig], option: str, value: object, remedy: str
) -> None:
    """A misspelt mode fails where it is written, and the message says what to write."""
    with pytest.raises(ConfigurationError) as caught:
        make(**{option: value})
    assert str(caught.value).endswith(remedy)


def test_a_refused_config_is_upstreams_error_too() -> None:
    """Code that caught upstream's error for wrong settings still catches ours."""
    with pytest.raises(holdfast.exceptions.ImproperConfigurationError):
        async_config(commit_mode="always")


async def test_a_given_async_engine_is_used() -> None:
    """An engine that the application made itself is the one that sessions use."""
    engine = create_async_engine("sqlite+aiosqlite://")
    config = holdfast.SQLAlchemyAsyncConfig(engine_instance=engine)
    async with config.create_session_maker()() as session:
        assert session.bind is engine
    assert config.get_engine() is engine


def test_a_given_sync_engine_is_used() -> None:
    """An engine that the application made itself is the one that sessions use."""
    engine = create_engine("sqlite://")
    config = holdfast.SQLAlchemySyncConfig(engine_instance=engine)
    with config.create_session_maker()() as session:
        assert session.bind is engine
    assert config.get_engine() is engine


def test_the_session_maker_is_made_once() -> None:
    """Asking twice gives the same session maker on the same engine."""
    config = sync_config()
    assert config.create_session_maker() is config.create_session_maker()
    assert config.get_engine() is config.get_engine()


async def test_session_options_reach_the_session() -> None:
    """What `session_config` says holds for every session."""
    config = async_config(session_config=AsyncSessionConfig(autoflush=False))
    async with config.create_session_maker()() as session:
        assert session.sync_session.autoflush is False


def test_json_columns_take_schema_objects(tmp_path: Path) -> None:
    """A JSON column stores a Pydantic object as its fields, without a serialiser of one's own."""
    config = sync_config(
        f"sqlite:///{tmp_path}/test.sqlite", engine_config=EngineConfig(echo=False)
    )
    Visitor.metadata.create_all(config.get_engine(), tables=[Visitor.__table__])  # type: ignore[list-item]
    maker = config.create_session_maker()
    with maker() as session:
        session.add(Visitor(address=Address(city="Oslo")))
        session.commit()
        assert session.scalars(select(Visitor.address)).one() == {"city": "Oslo"}
    config.get_engine().dispose()


@pytest.mark.parametrize(("status", "kept"), [(201, 1), (302, 0), (404, 0)])
@pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
async def test_a_session_ended_by_hand_follows_the_status(
    any_database: Database, status: int, kept: int
) -> None:
    """`session_handler` commits on a success, undoes on anything else, and closes."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    await config.on_startup()
    await settle(config, Author(name="Le Guin"), status)
    assert any_database.query("SELECT count(*) FROM wiring_author") == [(kept,)]
    assert config.get_engine().pool.checkedout() == 0  # type: ignore[attr-defined]
    await config.on_shutdown()


@pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
async def test_a_failed_commit_by_hand_is_raised(any_database: Database) -> None:
    """`session_handler` raises when COMMIT fails, and closes the session all the same."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    await config.on_startup()
    with fail_next_commit(config), pytest.raises(Exception, match="disk is full"):
        await settle(config, Author(name="Le Guin"), 201)
    assert config.get_engine().pool.checkedout() == 0  # type: ignore[attr-defined]
    await config.on_shutdown()


@pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
async def test_a_stopped_config_starts_again(any_database: Database) -> None:
    """After a shutdown the same config serves again, over new connections."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    for name in ("Le Guin", "Lem"):
        await config.on_startup()
        await settle(config, Author(name=name), 201)
        await config.on_shutdown()
    assert any_database.query("SELECT count(*) FROM wiring_author") == [(2,)]


async def test_reads_may_go_to_a_replica(tmp_path: Path) -> None:
    """A sync database may route reads to a replica, and a write sticks for its own request only."""
    urls = [f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("primary", "replica")]
    for url in urls:
        single = sync_config(url)
        await single.on_startup()
        await single.on_shutdown()
    routing = RoutingConfig(primary_connection_string=urls[0], read_replicas=[urls[1]])
    config = sync_config(None, create_all=False, routing_config=routing)
    app = FastAPI()
    alchemy = AdvancedAlchemy(config, app)
    Authors = Annotated[Session, Depends(alchemy.provide_sync_session())]  # noqa: N806

    @app.post("/", status_code=201)
    async def create(session: Authors) -> list[str]:
        session.add(Author(name="Lem"))
        session.flush()
        return list(session.scalars(select(Author.name)))

    @app.get("/")
    async def read(session: Authors) -> list[str]:
        return list(session.scalars(select(Author.name)))

    async with client(app) as http:
        assert (await http.post("/")).json() == ["Lem"]
        assert (await http.get("/")).json() == []
    primary = Database.sqlite("pysqlite", tmp_path / "primary.sqlite")
    assert primary.query("SELECT name FROM wiring_author") == [("Lem",)]
