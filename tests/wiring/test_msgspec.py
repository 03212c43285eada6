"""Structs of msgspec: FastAPI takes them neither as bodies nor as answers, a service fills them."""

from typing import Annotated

import msgspec
import pytest
from fastapi import Depends, FastAPI, Response
from fastapi.exceptions import FastAPIError

from holdfast import AdvancedAlchemy, repository, service
from holdfast.testing import client
from tests.wiring.authors import ASYNC_MEMORY, Author, async_config


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    """Authors over an async session."""

    class Repository(repository.SQLAlchemyAsyncRepository[Author]):
        model_type = Author

    repository_type = Repository


class AuthorStruct(msgspec.Struct):
    """An author as it is answered."""

    name: str


async def test_a_struct_is_answered_by_to_schema() -> None:
    """`to_schema` makes Structs of rows, and a response of its own encodes them."""
    app = FastAPI()
    alchemy = AdvancedAlchemy(async_config(ASYNC_MEMORY, commit_mode="autocommit"), app)
    provider = alchemy.provide_service(AuthorService)

    @app.post("/authors", status_code=201)
    async def create(name: str, authors: Annotated[AuthorService, Depends(provider)]) -> Response:
        created = authors.to_schema(await authors.create({"name": name}), schema_type=AuthorStruct)
        return Response(msgspec.json.encode(created), 201, media_type="application/json")

    async with client(app) as http:
        answer = await http.post("/authors?name=Ann")
        assert (answer.status_code, answer.json()) == (201, {"name": "Ann"})


def test_a_struct_is_no_return_type() -> None:
    """FastAPI itself says so, where the route is made."""
    app = FastAPI()

    def read() -> AuthorStruct:
        return AuthorStruct("Ann")

    with pytest.raises(FastAPIError):
        app.get("/author")(read)
