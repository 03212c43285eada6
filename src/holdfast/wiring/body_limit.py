"""The answer to a body above ``max_body_size``, as a problem."""

from http import HTTPStatus

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.problems import Problem, ProblemResponse

__all__ = ("answer_too_large_bodies",)

_PLAIN_TEXT = b"Content Too Large"
_TOO_LARGE = Problem(
    "content-too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "Content Too Large",
    "The body is larger than this service takes.",
)


def answer_too_large_bodies(app: FastAPI) -> None:
    """Answer a body that is too large with a problem.

    Starlette's limit answers in plain text, outside of everything that an application can add; so
    this goes around the whole stack.
    """
    build = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        return _PlainTextReplaced(build())

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign]


class _PlainTextReplaced:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        withheld: Message | None = None

        async def replace(message: Message) -> None:
            nonlocal withheld
            if (
                message["type"] == "http.response.start"
                and message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            ):
                withheld = message
                return
            start, withheld = withheld, None
            if start is not None and message.get("body") == _PLAIN_TEXT:
                await ProblemResponse(_TOO_LARGE)(scope, receive, send)
                return
            if start is not None:
                await send(start)
            await send(message)

        await self.app(scope, receive, replace if scope["type"] == "http" else send)
