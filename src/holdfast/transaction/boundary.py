"""The ASGI middleware in which a request's transaction ends before its answer begins."""

import asyncio
import time

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import ConfigurationError
from holdfast.transaction.attempt import Attempt, begin, log_repetition
from holdfast.transaction.lane import Lanes
from holdfast.transaction.original import Original
from holdfast.transaction.owner import Owner
from holdfast.transaction.request import SCOPE_KEY, RequestTransaction
from holdfast.transaction.retry import Retry

__all__ = ("TransactionBoundary",)

_MISPLACED = (
    "The transaction boundary is not the innermost middleware, so another middleware would see "
    "answers before they are committed. Add middleware with `app.add_middleware(...)`, which puts "
    "it outside; append nothing to `app.user_middleware` after attaching the extension."
)


class TransactionBoundary:
    """Ends each request's transaction before the first byte of its answer.

    Args:
        app: The next application, which must be Starlette's exception middleware: everything a
            user adds has to lie outside.
        owner: The extension whose sessions this boundary ends.
    """

    def __init__(self, app: ASGIApp, owner: Owner) -> None:
        self.app = app
        self.owner = owner
        self.misplaced = not isinstance(app, ExceptionMiddleware)
        self._lanes = Lanes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a message exchange on, ending its transaction before the answer starts."""
        if self.misplaced:
            await _refuse_to_start(scope, receive, send)
        if scope["type"] not in {"http", "websocket"} or self.owner in scope.get(SCOPE_KEY, ()):
            await self.app(scope, receive, send)
            return
        await self.owner.prepare()
        if scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        else:
            transaction = begin(scope, self.owner)
            await _serve_websocket(self.app, transaction, scope, receive, send)

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application until its answer stands, or no further attempt is allowed."""
        arrived = time.monotonic()
        # The boundary of another extension around this one would not know of a second run.
        alone = SCOPE_KEY not in scope
        original = Original(scope, receive)
        attempted, receive, number = scope, original.receive, 1
        lane: asyncio.Lock | None = None

        def allows(retry: Retry) -> bool:
            return alone and retry.allows(number, time.monotonic() - arrived)

        try:
            while True:
                attempt = Attempt(self.app, self.owner, attempted, send, original)
                retry = await attempt(receive, allows)
                if retry is None:
                    return
                pause = retry.pause(number)
                number += 1
                log_repetition(scope, number, pause)
                await asyncio.sleep(pause)
                if lane is None:
                    left = arrived + retry.deadline - time.monotonic()
                    lane = await self._lanes.enter(scope["path"], left)
                attempted, receive = original.again()
        finally:
            if lane is not None:
                lane.release()
            original.hand_back(attempted)


async def _serve_websocket(
    app: ASGIApp, transaction: RequestTransaction, scope: Scope, receive: Receive, send: Send
) -> None:
    """Give the connection back before the socket opens, because nothing says when it closes."""

    async def releasing_send(message: Message) -> None:
        if transaction.is_open:
            if message["type"] == "websocket.accept":
                transaction.check_unwritten()
            await transaction.abandon()
        await send(message)

    try:
        await app(scope, receive, releasing_send)
    finally:
        if transaction.is_open:
            await transaction.abandon()
        await transaction.close()


async def _refuse_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail start-up in the server's own words; where no lifespan is run, fail the request."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": _MISPLACED})
    raise ConfigurationError(_MISPLACED)
