"""What routes may answer, as their OpenAPI document says."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from tests.wiring.authors import AuthorService

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    alchemy = AdvancedAlchemy(
        SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://", commit_mode="autocommit"),
        app=app,
    )
    session = alchemy.provide_session()

    async def current_user(session: Annotated[AsyncSession, Depends(session)]) -> str:
        return "ada"

    @app.get("/plain")
    async def plain() -> str:
        return ""

    @app.get("/session")
    async def read(session: Annotated[AsyncSession, Depends(session)]) -> str:
        return ""

    @app.post("/service", responses={409: {"description": "Taken.", "model": str}})
    async def write(
        service: Annotated[AuthorService, Depends(alchemy.provide_service(AuthorService))],
    ) -> str:
        return ""

    router = APIRouter(prefix="/guarded", dependencies=[Depends(current_user)])

    @router.delete("/{name}")
    async def guarded(name: str) -> str:
        return name

    app.include_router(router, prefix="/v1")
    return app


def responses(app: FastAPI, path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()["paths"][path][method]["responses"]
    return found


def test_a_route_without_a_session_declares_nothing(app: FastAPI) -> None:
    """What never meets the database answers no problem of its."""
    assert responses(app, "/plain", "get").keys() == {"200"}


def test_a_reading_route_declares_its_problems(app: FastAPI) -> None:
    """A GET on a session may find nothing, meet a bad value, or no database."""
    found = responses(app, "/session", "get")
    assert found.keys() == {"200", "404", "422", "503"}
    assert all(found[status]["content"] == PROBLEM for status in ("404", "422", "503"))


def test_a_writing_route_declares_conflicts(app: FastAPI) -> None:
    """A POST may conflict as well, and what the route itself declares for that stays."""
    found = responses(app, "/service", "post")
    assert found.keys() == {"200", "404", "409", "422", "503"}
    assert found["409"]["description"] == "Taken."
    assert found["409"]["content"].keys() == {"application/json", "application/problem+json"}


def test_a_session_behind_an_included_router_counts(app: FastAPI) -> None:
    """A dependency of a router, and of a dependency, is found under the path as it is served."""
    found = responses(app, "/v1/guarded/{name}", "delete")
    assert {"404", "409", "503"} <= found.keys()
    # FastAPI's own error for the path parameter stays beside the problem.
    assert found["422"]["content"].keys() == {"application/json", "application/problem+json"}


def test_the_schema_of_a_problem_is_in_the_document(app: FastAPI) -> None:
    """The reference leads somewhere, and requires what RFC 9457 calls the standard members."""
    schema = app.openapi()["components"]["schemas"]["Problem"]
    assert schema["required"] == ["type", "title", "status", "detail"]


def test_a_document_that_is_made_anew_is_declared_anew(app: FastAPI) -> None:
    """A document that was dropped, as after a route was added, is complete again."""
    app.openapi()

    @app.get("/later")
    async def later(
        session: Annotated[AsyncSession, Depends(app.state.advanced_alchemy.provide_session())],
    ) -> str:
        return ""

    app.openapi_schema = None  # FastAPI does it itself from 0.137.2 on.
    assert "503" in responses(app, "/later", "get")
    assert app.openapi() is app.openapi()
