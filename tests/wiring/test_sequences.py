"""Advanced Alchemy's bundled bases on MariaDB, one server and a cluster: tables and numbers."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from sqlalchemy import Dialect, Sequence, String
from sqlalchemy.dialects import mysql, oracle, postgresql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import CreateSequence

from holdfast import base, repository
from tests.engines.database import Database
from tests.wiring.authors import any_config

BASES = (
    base.BigIntBase,
    base.BigIntAuditBase,
    base.IdentityBase,
    base.IdentityAuditBase,
    base.UUIDBase,
    base.UUIDAuditBase,
    base.UUIDv6Base,
    base.UUIDv7Base,
    base.DefaultBase,
)
ROWS = 20


def model_of(bundled: type[Any]) -> type[Any]:
    """Make a model on a bundled base, in a database of its own among the tests'."""
    attributes: dict[str, Any] = {
        "__tablename__": f"numbered_{bundled.__name__.lower()}",
        "__bind_key__": "numbered",
        "__module__": __name__,
        "__annotations__": {"name": Mapped[str]},
        "name": mapped_column(String(20), unique=True),
    }
    if bundled is base.DefaultBase:
        attributes["name"] = mapped_column(String(20), primary_key=True)
    return type(f"Numbered{bundled.__name__}", (bundled,), attributes)


MODELS = [model_of(bundled) for bundled in BASES]


@pytest.fixture(params=["mariadb", "galera"])
def databases(request: pytest.FixtureRequest) -> Generator[list[Database]]:
    """Give the ways into one database: a server's own, or one through each of two nodes."""
    server = request.getfixturevalue(request.param)
    servers = [server] if request.param == "mariadb" else server.nodes[:2]
    with server.fresh_database() as name:
        yield [Database.mariadb("asyncmy", one, name) for one in servers]


async def write(config: Any, model: type[Any], prefix: str) -> list[Any]:
    """Create rows one by one and many at once, and return what identifies them."""

    class Repository(repository.SQLAlchemyAsyncRepository[Any]):
        model_type = model

    async with config.create_session_maker()() as session:
        rows = Repository(session=session)
        names = [f"{prefix} {number}" for number in range(ROWS)]
        for name in names[:2]:
            await rows.add(model(name=name))
        await rows.add_many([model(name=name) for name in names[2:]])
        await session.commit()
        found = await rows.get_many(model.name.in_(names))
        key = "name" if base.DefaultBase in model.__bases__ else "id"
        return [getattr(row, key) for row in found]


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
async def test_bundled_bases_work(databases: list[Database], dialect: str) -> None:
    """`create_all` makes their tables, and writers on two nodes give no number twice."""
    urls = [database.url.replace("mysql", dialect) for database in databases]
    configs = [any_config(url, is_async=True, bind_key="numbered") for url in urls]
    for config in configs:
        await config.on_startup()
    for model in MODELS:
        written = await asyncio.gather(
            *(write(config, model, f"n{number}") for number, config in enumerate(configs))
        )
        keys = [key for keys in written for key in keys]
        assert len(keys) == len(set(keys)) == ROWS * len(configs)
    for config in configs:
        await config.on_shutdown()


async def test_numbers_of_a_lone_server_have_no_gaps(mariadb: Any) -> None:
    """Where there is no cluster a sequence counts 1, 2, 3 as it would have."""
    with mariadb.fresh_database() as name:
        config = any_config(mariadb.url("asyncmy", name), is_async=True, bind_key="numbered")
        await config.on_startup()
        assert sorted(await write(config, MODELS[0], "n")) == list(range(1, ROWS + 1))
        await config.on_shutdown()


def created(sequence: Sequence, dialect: Any) -> str:
    """Return the statement that creates a sequence."""
    instance: Dialect = dialect()
    return str(CreateSequence(sequence).compile(dialect=instance))


def test_a_step_that_was_chosen_is_kept() -> None:
    """Only a sequence without a step of its own gets one, whatever else it says."""
    assert created(Sequence("a", increment=5), mysql.dialect) == "CREATE SEQUENCE a INCREMENT BY 5"
    assert created(Sequence("a", start=7), mysql.dialect) == (
        "CREATE SEQUENCE a INCREMENT BY 0 START WITH 7"
    )


@pytest.mark.parametrize("dialect", [postgresql.dialect, oracle.dialect])
def test_other_dialects_are_left_alone(dialect: Any) -> None:
    """Elsewhere the statement is as SQLAlchemy has it."""
    assert created(Sequence("a"), dialect) == "CREATE SEQUENCE a"
