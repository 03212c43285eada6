"""The extension by itself: its databases by key, their engines, and sessions outside requests."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from advanced_alchemy.extensions import fastapi as upstream
from fastapi import Depends, FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.errors import ConfigurationError
from holdfast.testing import client
from holdfast.wiring.sessions import AnyConfig
from tests.engines.database import Database
from tests.wiring.authors import Author, any_config, async_config, sync_config


def mixed() -> AdvancedAlchemy:
    """Return an extension with an async database and a sync one."""
    return AdvancedAlchemy([async_config(), sync_config(bind_key="reports")])


@pytest.mark.parametrize("key", [None, "default", "main"])
def test_a_single_database_needs_no_key(key: str | None) -> None:
    """The only database is found without a key, as `default`, and by its own bind key."""
    config = async_config(bind_key="main")
    assert AdvancedAlchemy(config).get_config(key) is config


def test_several_databases_are_found_by_key() -> None:
    """Among several, no key means the one that is called `default`."""
    alchemy = mixed()
    assert [alchemy.get_config(key) for key in (None, "default", "reports")] == [
        alchemy.config[0],
        alchemy.config[0],
        alchemy.config[1],
    ]


@pytest.mark.parametrize(
    "ask",
    [
        AdvancedAlchemy.get_config,
        AdvancedAlchemy.get_engine,
        AdvancedAlchemy.provide_session,
        AdvancedAlchemy.provide_engine,
        AdvancedAlchemy.session,
        AdvancedAlchemy.transaction,
    ],
)
def test_an_unknown_key_is_refused(ask: Callable[[AdvancedAlchemy, str], object]) -> None:
    """An unknown bind key fails where it is written, and the message lists those there are."""
    with pytest.raises(ConfigurationError) as caught:
        ask(mixed(), "archive")
    assert "no database with the bind key 'archive'" in str(caught.value)
    assert str(caught.value).endswith(
        "Ask for one of 'default', 'reports', or add a config with that bind key."
    )


@pytest.mark.parametrize(
    ("ask", "key", "remedy"),
    [
        (AdvancedAlchemy.get_async_config, "reports", "Use the sync methods, or an async config."),
        (AdvancedAlchemy.get_sync_config, "default", "Use the async methods, or a sync config."),
        (AdvancedAlchemy.get_async_engine, "reports", "Use the sync methods, or an async config."),
        (AdvancedAlchemy.get_sync_engine, "default", "Use the async methods, or a sync config."),
        (AdvancedAlchemy.provide_async_session, "reports", "the sync methods, or an async config."),
        (AdvancedAlchemy.provide_sync_session, "default", "the async methods, or a sync config."),
        (AdvancedAlchemy.provide_async_engine, "reports", "the sync methods, or an async config."),
        (AdvancedAlchemy.provide_sync_engine, "default", "the async methods, or a sync config."),
    ],
)
def test_the_wrong_kind_of_database_is_refused(
    ask: Callable[[AdvancedAlchemy, str], object], key: str, remedy: str
) -> None:
    """Asking for an async database by the key of a sync one fails at once, and the reverse."""
    with pytest.raises(ConfigurationError) as caught:
        ask(mixed(), key)
    assert str(caught.value).endswith(remedy)


async def test_a_block_of_the_wrong_kind_is_refused() -> None:
    """`with` on an async database says to write `async with`, and the reverse."""
    alchemy = mixed()
    with pytest.raises(ConfigurationError, match="Use `async with` rather than `with`"):
        alchemy.session().__enter__()
    with pytest.raises(ConfigurationError, match="Use `with` rather than `async with`"):
        await alchemy.transaction("reports").__aenter__()


async def test_engines_are_those_of_the_configs() -> None:
    """Every way to ask for an engine gives the one that sessions use."""
    alchemy = mixed()
    first, second = (config.get_engine() for config in alchemy.config)
    assert isinstance(first, AsyncEngine)
    assert isinstance(second, Engine)
    assert alchemy.get_engine() is alchemy.get_async_engine() is first
    assert alchemy.get_engine("reports") is alchemy.get_sync_engine("reports") is second


async def test_engine_dependencies_give_the_engines() -> None:
    """A handler can depend on an engine, async or sync."""
    app = FastAPI()
    alchemy = AdvancedAlchemy([async_config(), sync_config(bind_key="reports")], app)

    @app.get("/")
    async def engines(
        either: Annotated[Any, Depends(alchemy.provide_engine("reports"))],
        one: Annotated[AsyncEngine, Depends(alchemy.provide_async_engine())],
        other: Annotated[Engine, Depends(alchemy.provide_sync_engine("reports"))],
    ) -> list[bool]:
        return [
            one is alchemy.get_engine(),
            other is alchemy.get_engine("reports"),
            either is other,
        ]

    async with client(app) as http:
        assert (await http.get("/")).json() == [True, True, True]


def test_equal_providers_are_the_same_function() -> None:
    """Asked twice for the same session or engine, the extension gives the same function."""
    alchemy = mixed()
    assert alchemy.provide_session() is alchemy.provide_async_session("default")
    assert alchemy.provide_session("reports") is alchemy.provide_sync_session("reports")
    assert alchemy.provide_engine() is alchemy.provide_async_engine()
    assert alchemy.provide_session() is not alchemy.provide_session("reports")
    assert alchemy.provide_session() is not mixed().provide_session()


@pytest.mark.parametrize("any_database", ["aiosqlite", "pysqlite"], indirect=True)
async def test_blocks_work_outside_requests(any_database: Database) -> None:
    """`transaction()` commits at the end of its block; `session()` undoes what nobody committed."""
    config = any_config(any_database.url, is_async=any_database.is_async)
    alchemy = AdvancedAlchemy(config)
    await config.on_startup()
    if any_database.is_async:
        async with alchemy.transaction() as session:
            session.add(Author(name="Le Guin"))
        async with alchemy.session() as session:
            session.add(Author(name="Lem"))
            await session.flush()
    else:
        with alchemy.transaction() as sync_session:
            sync_session.add(Author(name="Le Guin"))
        with alchemy.session() as sync_session:
            sync_session.add(Author(name="Lem"))
            sync_session.flush()
    assert any_database.query("SELECT name FROM wiring_author") == [("Le Guin",)]
    await config.on_shutdown()


async def test_upstreams_blocks_open_sessions() -> None:
    """`with_async_session` and `with_sync_session` open sessions by bind key, and close them."""
    alchemy = mixed()
    async with alchemy.with_async_session() as session:
        assert (await session.scalars(select(1))).one() == 1
        assert isinstance(session, AsyncSession)
    assert not session.in_transaction()
    with alchemy.with_sync_session("reports") as sync_session:
        assert sync_session.scalars(select(1)).one() == 1
        assert isinstance(sync_session, Session)
    assert not sync_session.in_transaction()
    await alchemy.on_shutdown()


def test_an_unattached_extension_has_no_app() -> None:
    """`app` without an application says to call `init_app`."""
    with pytest.raises(ConfigurationError, match=r"Call `init_app\(app\)` first\."):
        _ = mixed().app


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
def test_the_attached_app_is_known(kind: type[Starlette]) -> None:
    """`init_app` attaches to either kind of application and remembers it."""
    app, alchemy = kind(), mixed()
    alchemy.init_app(app)
    assert alchemy.app is app
    assert app.state.advanced_alchemy is alchemy


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        ([], "Pass `SQLAlchemyAsyncConfig(...)`."),
        (
            [async_config(), sync_config()],
            'Give each its own: `SQLAlchemyAsyncConfig(bind_key="reports", ...)`.',
        ),
    ],
)
def test_databases_need_a_key_each(config: list[AnyConfig], remedy: str) -> None:
    """No database at all, or two with the same bind key, is refused before any request."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(config)
    assert str(caught.value).endswith(remedy)


def test_a_config_of_another_package_is_refused() -> None:
    """Half a migration, with upstream's config and our extension, says which import to change."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(upstream.SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://"))  # type: ignore[arg-type]
    assert "advanced_alchemy.extensions.starlette.config.SQLAlchemyAsyncConfig" in str(caught.value)
    assert str(caught.value).endswith(
        "Import `SQLAlchemyAsyncConfig` or `SQLAlchemySyncConfig` from `holdfast` "
        "and pass an instance."
    )


@pytest.mark.parametrize("config", [None, "sqlite://", SQLAlchemyAsyncConfig])
def test_what_is_no_config_is_refused(config: Any) -> None:
    """A URL, a class or nothing in place of a config says what to pass."""
    with pytest.raises(ConfigurationError, match="is not a config of Holdfast"):
        AdvancedAlchemy(config)


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        (
            async_config("sqlite://"),
            (
                "'sqlite' is no async driver. "
                "Write `sqlite+aiosqlite://` or `postgresql+asyncpg://` "
                "in the connection string, or use `SQLAlchemySyncConfig`."
            ),
        ),
        (
            sync_config("sqlite+aiosqlite://"),
            (
                "'sqlite+aiosqlite' is no sync driver. "
                "Write `sqlite://` or `postgresql+psycopg://` "
                "in the connection string, or use `SQLAlchemyAsyncConfig`."
            ),
        ),
    ],
    ids=["sync driver", "async driver"],
)
def test_a_driver_of_the_other_kind_is_refused(config: AnyConfig, remedy: str) -> None:
    """A sync driver in an async config fails when it is attached, and the reverse."""
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(config, FastAPI())
    assert str(caught.value) == remedy


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_commit_needs_time(seconds: float) -> None:
    """A deadline that no COMMIT could keep is refused."""
    with pytest.raises(ConfigurationError, match=r"Write seconds above 0\."):
        AdvancedAlchemy(async_config(), commit_timeout=seconds)
