"""FastAPI's own errors as problems, where an application asks for that."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from holdfast import problems
from holdfast.errors import ConfigurationError
from holdfast.testing import client


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    password: Annotated[str, Query(min_length=8)]
    balance: float = 0


def make_app() -> FastAPI:
    app = FastAPI()
    router = APIRouter()

    @app.get("/accounts")
    async def accounts(page: int = 1) -> int:
        return page

    @app.post("/accounts")
    async def create(account: Account) -> None:
        return None

    @router.delete("/accounts")
    async def clear() -> None:
        raise HTTPException(403, "Not yours.", headers={"x-reason": "owner"})

    @app.get("/conflict")
    async def conflict() -> None:
        raise HTTPException(409, {"field": "name"})

    @app.get("/private")
    async def private() -> None:
        raise HTTPException(499, "A status that no standard knows.")

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(405, headers={"Allow": "BREW"})

    app.mount("/mounted", mounted)

    @app.get("/unchanged")
    async def unchanged() -> None:
        raise HTTPException(304)

    app.include_router(router)
    return app


@pytest.fixture
async def http() -> AsyncGenerator[httpx2.AsyncClient]:
    app = make_app()
    problems.install(app)
    async with client(app) as http:
        yield http


def assert_problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["type"] == f"urn:holdfast:problem:{code}"
    assert found["status"] == status
    return found


async def test_a_validation_error_is_a_problem(http: httpx2.AsyncClient) -> None:
    """Each error has its place, message and kind."""
    found = assert_problem(
        await http.get("/accounts", params={"page": "x"}), 422, "validation-error"
    )
    (error,) = found["errors"]
    assert error["loc"] == ["query", "page"]
    assert error["type"] == "int_parsing"
    assert error["msg"]


async def test_what_was_sent_is_not_repeated(http: httpx2.AsyncClient) -> None:
    """A password that was refused is not in the answer, as it is in FastAPI's."""
    sent = {"name": "ada", "password": "secret"}
    response = await http.post("/accounts", json=sent)
    assert_problem(response, 422, "validation-error")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        rb'{"name": "ada", "password": "\ud800"}',
        rb'{"name": "ada", "password": "long enough", "\udfff": 1}',
        b'{"name": NaN, "password": "long enough"}',
        b'{"name": Infinity, "password": []}',
        b'{"name": "ada", "password": "long enough", "balance": NaN, "more": NaN}',
        b'"\xff\xfe"',
        b"{",
    ],
)
async def test_a_value_that_json_cannot_hold_is_refused(
    http: httpx2.AsyncClient, body: bytes
) -> None:
    """Lone surrogates and NaN, which FastAPI's own answer cannot encode, are a 422 or a 400."""
    response = await http.post(
        "/accounts", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_http_exception_is_a_problem(http: httpx2.AsyncClient) -> None:
    """It keeps its words and its headers."""
    response = await http.delete("/accounts")
    assert assert_problem(response, 403, "forbidden")["detail"] == "Not yours."
    assert response.headers["x-reason"] == "owner"


async def test_structured_details_are_kept(http: httpx2.AsyncClient) -> None:
    """A detail that is no text stays readable under `errors`."""
    found = assert_problem(await http.get("/conflict"), 409, "conflict")
    assert found["errors"] == {"field": "name"}
    assert isinstance(found["detail"], str)


async def test_an_unknown_path_is_a_problem(http: httpx2.AsyncClient) -> None:
    """The 404 of the router is one too."""
    assert_problem(await http.get("/nowhere"), 404, "not-found")


async def test_what_is_no_error_stays_as_it_is(http: httpx2.AsyncClient) -> None:
    """An HTTPException below 400 is no problem."""
    response = await http.get("/unchanged")
    assert response.status_code == 304
    assert not response.content


async def test_allow_names_every_method_of_a_path(http: httpx2.AsyncClient) -> None:
    """A 405 lists the methods of all routes with that path, included routers too (RFC 9110)."""
    response = await http.put("/accounts")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET, POST"


async def test_allow_of_a_mounted_application_is_its_own(http: httpx2.AsyncClient) -> None:
    """What a mounted application says it allows is passed on."""
    response = await http.get("/mounted/pot")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "BREW"


async def test_the_errors_of_one_answer_are_bounded(http: httpx2.AsyncClient) -> None:
    """A thousand unknown fields are not all listed: the answer would outgrow the request."""
    response = await http.post("/accounts", json={f"field{number}": 1 for number in range(1000)})
    found = assert_problem(response, 422, "validation-error")
    assert len(found["errors"]) == 100


async def test_a_status_that_no_standard_knows_is_passed_on(http: httpx2.AsyncClient) -> None:
    """There is no kind of problem for it, so it keeps FastAPI's shape."""
    response = await http.get("/private")
    assert response.status_code == 499
    assert response.json() == {"detail": "A status that no standard knows."}


def test_the_document_says_so() -> None:
    """Bodies may be unreadable or too large, and a 422 is a problem rather than FastAPI's."""
    app = make_app()
    problems.install(app)
    found = app.openapi()["paths"]["/accounts"]["post"]["responses"]
    assert found.keys() == {"200", "400", "413", "422"}
    assert found["422"]["content"].keys() == {"application/problem+json"}


async def test_without_it_errors_keep_fastapis_shape() -> None:
    """An application that does not ask keeps `detail`."""
    async with client(make_app()) as http:
        assert (await http.get("/nowhere")).json() == {"detail": "Not Found"}
        assert "detail" in (await http.get("/accounts", params={"page": "x"})).json()


async def test_it_cannot_be_installed_after_the_start() -> None:
    """By then the handlers are built in, so it says where the call belongs."""
    app = make_app()
    async with client(app):
        with pytest.raises(ConfigurationError, match="where the application is made"):
            problems.install(app)


def test_it_is_for_fastapi() -> None:
    """Starlette has no validation errors and no document."""
    with pytest.raises(ConfigurationError, match="takes a FastAPI application"):
        problems.install(Starlette())
