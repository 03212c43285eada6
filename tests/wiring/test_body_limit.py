"""Bodies above `max_body_size`: a problem, and nothing of them is committed."""

import inspect
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig, problems
from holdfast.testing import client
from tests.engines.database import Database

LIMIT = 1000
# Below 0.164 FastAPI has no limit of its own, and some take the argument in silence.
NATIVE = ["fastapi"] if "max_body_size" in inspect.signature(FastAPI).parameters else []
both_ways = pytest.mark.parametrize("how", ["starlette", *NATIVE])


async def pieces(size: int) -> AsyncGenerator[bytes]:
    """Send a body whose length is not declared."""
    for _ in range(size // 100):
        yield b"x" * 100


def limited_app(how: str) -> FastAPI:
    """Make an application whose bodies are limited, by FastAPI or by Starlette's middleware."""
    if how == "fastapi":
        return FastAPI(max_body_size=LIMIT)
    app = FastAPI()
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=LIMIT)
    return app


def make_app(how: str) -> FastAPI:
    app = limited_app(how)

    @app.post("/echo")
    async def echo(body: dict[str, Any]) -> int:
        return len(body)

    @app.post("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("Too much, I say.", status_code=413)

    return app


@pytest.mark.parametrize("declared", [True, False])
@both_ways
async def test_a_body_that_is_too_large_is_a_problem(how: str, *, declared: bool) -> None:
    """Whether its length is declared or only found out, the answer is the same kind of problem."""
    app = make_app(how)
    problems.install(app)
    async with client(app) as http:
        content = b"x" * 2 * LIMIT if declared else pieces(2 * LIMIT)
        headers = {"content-type": "application/json"}
        response = await http.post("/echo", content=content, headers=headers)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:holdfast:problem:content-too-large"


@both_ways
async def test_a_413_of_the_application_stays_as_it_is(how: str) -> None:
    """An answer that a handler made itself is not replaced."""
    app = make_app(how)
    problems.install(app)
    async with client(app) as http:
        response = await http.post("/own")
    assert (response.status_code, response.text) == (413, "Too much, I say.")


@both_ways
async def test_without_install_the_answer_is_starlettes(how: str) -> None:
    """An application that did not ask for problems keeps the plain text."""
    async with client(make_app(how)) as http:
        response = await http.post("/echo", content=b"x" * 2 * LIMIT)
    assert (response.status_code, response.text) == (413, "Content Too Large")


@both_ways
async def test_what_is_answered_with_413_is_not_committed(how: str, tmp_path: Path) -> None:
    """A handler that reads no body has done its work before its answer becomes a 413."""
    database = Database.sqlite("aiosqlite", tmp_path / "test.sqlite")
    database.query("CREATE TABLE note (name TEXT)")
    app = limited_app(how)
    config = SQLAlchemyAsyncConfig(connection_string=database.url, commit_mode="autocommit")
    alchemy = AdvancedAlchemy(config=config, app=app)

    @app.post("/notes", status_code=201)
    async def write(
        session: Annotated[AsyncSession, Depends(alchemy.provide_session())],
    ) -> None:
        await session.execute(text("INSERT INTO note VALUES ('kept')"))

    async with client(app) as http:
        too_large = await http.post("/notes", content=b"x" * (LIMIT + 1))
        fitting = await http.post("/notes", content=b"x" * LIMIT)
    assert (too_large.status_code, fitting.status_code) == (413, 201)
    assert database.query("SELECT name FROM note") == [("kept",)]
