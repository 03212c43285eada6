"""JSON that is encoded already, as what a route returns."""

from typing import Any, Generic, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from starlette.responses import Response

__all__ = ("Encoded",)

T = TypeVar("T")


class Encoded(Response, Generic[T]):
    """A response whose JSON is encoded already.

    As the return type of a route it is documented as what it holds, and sent as it is.

        @app.get("/authors/{id}")
        async def get_author(...) -> Encoded[AuthorRead]:
            return Encoded(b'{"id": 1, "name": "Ann"}')

    Args:
        content: The JSON; None for an answer without a body, such as a 304.
        status_code: The status.
        headers: Further headers.
    """

    def __init__(
        self,
        content: bytes | None,
        status_code: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        media_type = None if content is None else "application/json"
        super().__init__(content, status_code, headers, media_type)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        held = get_args(source)
        return handler(held[0] if held else Any)
