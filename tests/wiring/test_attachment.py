"""Attaching to an application: where the boundary sits, and when databases start and stop."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig, get_database_migration_plugin
from holdfast.errors import ConfigurationError
from holdfast.testing import client
from holdfast.transaction.boundary import TransactionBoundary
from tests.wiring.authors import Author, async_config, sync_config

ROOT = Path(__file__).parents[2]


def serving(alchemy: AdvancedAlchemy, **options: Any) -> FastAPI:
    """Return an application, attached, that adds and counts authors."""
    app = FastAPI(**options)
    Session = Annotated[AsyncSession, Depends(alchemy.provide_async_session())]  # noqa: N806

    @app.post("/authors/{name}", status_code=201)
    async def create(name: str, session: Session) -> None:
        session.add(Author(name=name))

    @app.get("/authors")
    async def count(session: Session) -> int:
        return (await session.scalars(select(func.count()).select_from(Author))).one()

    alchemy.init_app(app)
    return app


def test_middleware_added_later_lies_outside(tmp_path: Path) -> None:
    """`add_middleware` before or after attaching leaves the boundary innermost."""
    app = FastAPI()
    app.add_middleware(GZipMiddleware)
    AdvancedAlchemy(async_config(), app)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    kinds: list[object] = [middleware.cls for middleware in app.user_middleware]
    assert kinds == [GZipMiddleware, GZipMiddleware, TransactionBoundary]


def test_a_second_extension_is_refused() -> None:
    """Attaching twice fails at once, and the message says to pass all configs to one extension."""
    app = FastAPI()
    AdvancedAlchemy(async_config(), app)
    with pytest.raises(ConfigurationError) as caught:
        AdvancedAlchemy(sync_config(bind_key="reports"), app)
    assert str(caught.value).endswith("`AdvancedAlchemy(config=[first, second], app=app)`.")


def test_attaching_the_same_extension_twice_is_refused() -> None:
    """`app=` and `init_app` for the same application is one too many."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(), app)
    with pytest.raises(ConfigurationError, match="has its databases already"):
        alchemy.init_app(app)


async def test_attaching_in_the_lifespan_is_refused() -> None:
    """An application that runs can get no boundary any more; its start fails and says where to."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        AdvancedAlchemy(async_config(), app)
        yield

    with pytest.raises(ConfigurationError) as caught:
        async with client(FastAPI(lifespan=lifespan)):
            pass
    assert str(caught.value).endswith("where the application is made, not in its lifespan.")


def misplaced() -> FastAPI:
    """Return an application in which something was put inside the boundary."""
    app = serving(AdvancedAlchemy(async_config()))
    app.user_middleware.append(Middleware(GZipMiddleware))
    return app


async def test_a_boundary_that_is_not_innermost_fails_the_start() -> None:
    """With a middleware inside the boundary the application does not start."""
    with pytest.raises(ConfigurationError) as caught:
        async with client(misplaced()):
            pass
    assert str(caught.value).endswith(
        "append nothing to `app.user_middleware` after attaching the extension."
    )


async def test_a_boundary_that_is_not_innermost_fails_the_request() -> None:
    """Where no lifespan is run, the first request fails with the same words."""
    async with client(misplaced(), lifespan=False) as http:
        with pytest.raises(ConfigurationError, match="not the innermost middleware"):
            await http.get("/authors")


def test_a_server_with_a_misplaced_boundary_exits() -> None:
    """Under uvicorn the process ends, and its log says what to write instead."""
    served = "tests.wiring.test_attachment:misplaced"
    command = [sys.executable, "-m", "uvicorn", "--factory", served, "--port", "0"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 3
    assert "Add middleware with `app.add_middleware(...)`" in done.stderr
    assert "Application startup failed" in done.stderr


class State(TypedDict):
    greeting: str


async def test_the_users_lifespan_is_kept(tmp_path: Path) -> None:
    """The application's own lifespan runs while the databases do, and its state is passed on."""
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"))
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[State]:
        async with alchemy.transaction() as session:
            session.add(Author(name="start"))
        yield {"greeting": "hello"}
        async with alchemy.session() as session:
            events.extend(await session.scalars(select(Author.name)))

    app = serving(alchemy, lifespan=lifespan)

    @app.get("/greeting")
    async def greet(request: Request) -> str:
        greeting: str = request.state.greeting
        return greeting

    async with client(app) as http:
        assert (await http.get("/greeting")).json() == "hello"
        await http.post("/authors/served")
    assert sorted(events) == ["served", "start"]


async def test_the_lifespan_of_a_router_is_kept() -> None:
    """A router that is included after attaching runs its lifespan too."""
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[None]:
        events.append("start")
        yield
        events.append("stop")

    app = serving(AdvancedAlchemy(async_config()))
    app.include_router(APIRouter(lifespan=lifespan))
    async with client(app) as http:
        assert (await http.get("/authors")).json() == 0
    assert events == ["start", "stop"]


async def test_an_application_starts_twice(tmp_path: Path) -> None:
    """A second lifespan of one application serves as the first did."""
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"))
    app = serving(alchemy)
    for name in ("Le Guin", "Lem"):
        async with client(app) as http:
            assert (await http.post(f"/authors/{name}")).status_code == 201
        assert get_database_migration_plugin(app) is alchemy
    async with client(app) as http:
        assert (await http.get("/authors")).json() == 2


def test_starlettes_test_client_starts_it_twice(tmp_path: Path) -> None:
    """Starlette's own client, which runs an event loop for each start, may do so too."""
    app = serving(AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite")))
    for name in ("Le Guin", "Lem"):
        with TestClient(app) as http:
            assert http.post(f"/authors/{name}").status_code == 201


async def test_a_shutdown_closes_every_connection(tmp_path: Path) -> None:
    """After the lifespan no connection is left in any pool."""
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"))
    async with client(serving(alchemy)) as http:
        await http.get("/authors")
        assert alchemy.get_engine().pool.checkedin() == 1  # type: ignore[attr-defined]
    assert alchemy.get_engine().pool.checkedin() == 0  # type: ignore[attr-defined]


class Failing(SQLAlchemyAsyncConfig):
    async def on_startup(self) -> None:
        raise OSError("no database")


async def test_a_failed_start_leaves_no_connection(tmp_path: Path) -> None:
    """When the second database cannot start, the connections of the first are closed."""
    started = async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite")
    failing = Failing(connection_string="sqlite+aiosqlite://", bind_key="two")
    with pytest.raises(OSError, match="no database"):
        async with client(serving(AdvancedAlchemy([started, failing]))):
            pass
    assert started.get_engine().pool.checkedin() == 0  # type: ignore[attr-defined]


class Stuck(SQLAlchemyAsyncConfig):
    async def on_shutdown(self) -> None:
        raise OSError("cannot close")


async def test_a_shutdown_that_fails_keeps_no_other_database_open(tmp_path: Path) -> None:
    """When one database cannot be closed, the connections of the others are."""
    stuck = Stuck(connection_string="sqlite+aiosqlite://", bind_key="two")
    before = async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite")
    after = async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite", bind_key="three")

    async def serve() -> None:
        async with client(serving(AdvancedAlchemy([before, stuck, after]))):
            for config in (before, after):
                async with config.get_engine().connect():
                    pass

    with pytest.raises(OSError, match="cannot close"):
        await serve()
    for config in (before, after):
        assert config.get_engine().pool.checkedin() == 0  # type: ignore[attr-defined]


async def test_a_mounted_application_starts_with_its_first_request(tmp_path: Path) -> None:
    """Nobody runs a mounted application's lifespan; its first request makes the tables."""
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"))
    parent = FastAPI()
    parent.mount("/library", serving(alchemy))
    async with client(parent) as http:
        assert (await http.post("/library/authors/Lem")).status_code == 201
        assert (await http.get("/library/authors")).json() == 1
    await alchemy.on_shutdown()


class Counting(SQLAlchemyAsyncConfig):
    starts = 0

    async def on_startup(self) -> None:
        await super().on_startup()
        self.starts += 1


async def test_first_requests_at_once_start_it_once(tmp_path: Path) -> None:
    """Requests that arrive while the databases start wait for that start, and make no second."""
    config = Counting(
        connection_string=f"sqlite+aiosqlite:///{tmp_path}/test.sqlite", create_all=True
    )
    async with client(serving(AdvancedAlchemy(config)), lifespan=False) as http:
        answers = await asyncio.gather(*(http.get("/authors") for _ in range(3)))
    assert [answer.json() for answer in answers] == [0, 0, 0]
    assert config.starts == 1
    await config.on_shutdown()


async def test_a_failed_first_start_is_tried_again(tmp_path: Path) -> None:
    """A first request that finds no database fails; a later one that finds it is served."""
    folder = tmp_path / "not-yet"
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{folder}/test.sqlite"))
    app = serving(alchemy)
    async with client(app, lifespan=False, raise_app_exceptions=False) as http:
        assert (await http.get("/authors")).status_code >= 500
        folder.mkdir()
        assert (await http.get("/authors")).json() == 0
    await alchemy.on_shutdown()


async def test_a_mounted_application_may_share_the_extension(tmp_path: Path) -> None:
    """One extension serves an application and one mounted in it, with one session a request."""
    alchemy = AdvancedAlchemy(async_config(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"))
    parent = serving(alchemy)
    parent.mount("/inner", serving(alchemy))
    async with client(parent) as http:
        assert (await http.post("/authors/outer")).status_code == 201
        assert (await http.post("/inner/authors/inner")).status_code == 201
        assert (await http.get("/inner/authors")).json() == 2
