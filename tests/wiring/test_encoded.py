"""JSON that is encoded already: documented as what it holds, and sent as it is."""

from fastapi import FastAPI
from pydantic import BaseModel

from holdfast import Encoded
from tests.asgi import request


class Author(BaseModel):
    """Somebody who writes."""

    name: str


async def test_it_is_documented_as_what_it_holds() -> None:
    """The document of a return type is that of its argument, in lists and for any JSON too."""
    encoded, plain = FastAPI(), FastAPI()

    @encoded.get("/one", operation_id="one")
    async def encoded_one() -> Encoded[Author]:
        return Encoded(b"{}")

    @encoded.get("/all", operation_id="all")
    async def encoded_all() -> Encoded[list[Author]]:
        return Encoded(b"[]")

    @plain.get("/one", operation_id="one", summary="Encoded One")
    async def one() -> Author:
        return Author(name="Ann")

    @plain.get("/all", operation_id="all", summary="Encoded All")
    async def every() -> list[Author]:
        return []

    assert encoded.openapi() == plain.openapi()


async def test_it_is_sent_as_it_is() -> None:
    """Nothing validates or encodes it again; without content there is no type of it."""
    app = FastAPI()

    @app.get("/one")
    async def one() -> Encoded[Author]:
        return Encoded(b'{"name":  1}', 203, {"x-more": "yes"})

    @app.get("/none")
    async def none() -> Encoded[Author]:
        return Encoded(None, 304)

    answer = await request(app, path="/one")
    assert (answer.status, answer.body) == (203, b'{"name":  1}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-more"] == "yes"
    empty = await request(app, path="/none")
    assert (empty.status, empty.body) == (304, b"")
    assert "content-type" not in empty.headers
