"""The ASGI middleware in which a request's transaction ends before its answer begins."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import ConfigurationError
from holdfast.problems import Problem
from holdfast.transaction.answers import has_catch_all, instead_of, problem_response
from holdfast.transaction.failure import problem_for
from holdfast.transaction.request import SCOPE_KEY, Owner, RequestTransaction

__all__ = ("TransactionBoundary",)

_MISPLACED = (
    "The transaction boundary is not the innermost middleware, so another middleware would see "
    "answers before they are committed. Add middleware with `app.add_middleware(...)`, which puts "
    "it outside; append nothing to `app.user_middleware` after attaching the extension."
)


class AnswerWithheld(Exception):  # noqa: N818 - unwinds the application; nobody handles it
    """Raised out of ``send`` to stop an application whose answer will not be sent.

    A class of its own, because Starlette takes an ``OSError`` for a client that has gone, and a
    handler that the application registered for the real error would be told that the response has
    already started.
    """


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a message exchange on, ending its transaction before the answer starts."""
        if self.misplaced:
            await _refuse_to_start(scope, receive, send)
        transactions = scope.get(SCOPE_KEY, {})
        if scope["type"] not in {"http", "websocket"} or self.owner in transactions:
            await self.app(scope, receive, send)
            return
        await self.owner.prepare()
        transaction = RequestTransaction(scope, self.owner.commit_timeout)
        scope[SCOPE_KEY] = {**transactions, self.owner: transaction}
        if scope["type"] == "http":
            exchange = HTTPExchange(self.app, self.owner, transaction, send)
            await exchange(scope, receive)
        else:
            await _serve_websocket(self.app, transaction, scope, receive, send)


class HTTPExchange:
    """One HTTP request and its answer."""

    def __init__(
        self, app: ASGIApp, owner: Owner, transaction: RequestTransaction, send: Send
    ) -> None:
        self.app = app
        self.owner = owner
        self.transaction = transaction
        self.send = send
        self.started = False
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive) -> None:
        """Run the application and see that exactly one answer is sent."""
        try:
            await self._run_app(scope, receive)
            if self.failure is not None:
                await self._answer_failure(scope, receive, self.failure)
        finally:
            await self.transaction.close()

    async def _run_app(self, scope: Scope, receive: Receive) -> None:
        async def send(message: Message) -> None:
            await self._send(scope, message)

        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if self.failure is not None:
                # The application unwound because its answer was withheld; whatever it raises
                # on the way is an echo of that.
                return
            if self.started:
                raise
            await self.transaction.abandon()
            problem = None if has_catch_all(scope) else self._problem_for(error)
            if problem is None:
                raise
            await problem_response(scope, problem, error)(scope, receive, self.send)
        finally:
            if self.transaction.is_open:
                await self.transaction.abandon()

    def _problem_for(self, error: Exception) -> Problem | None:
        statement_of = self.transaction.statement_of
        return problem_for(error, statement_of=statement_of) or self.owner.problem_for(error)

    async def _send(self, scope: Scope, message: Message) -> None:
        if self.failure is not None:
            raise AnswerWithheld from self.failure
        if message["type"] == "http.response.start" and not self.started:
            self.started = True
            try:
                await self.transaction.settle(_status_as_sent(scope, message["status"]))
            except Exception as error:
                self.failure = error
                raise AnswerWithheld from error
        await self.send(message)

    async def _answer_failure(self, scope: Scope, receive: Receive, failure: Exception) -> None:
        response = await instead_of(Request(scope, receive), failure, self.transaction.statement_of)
        if response is None:
            raise failure
        await response(scope, receive, self.send)


def _status_as_sent(scope: Scope, status: int) -> int:
    """Return the status that an answer will have when it reaches the client.

    Starlette's body limit lies outside and learns only here that a handler did not read its body:
    it then sends a 413 instead, for what would have been committed.
    """
    limit = scope.get("starlette.max_body_size")
    if limit is None:
        return status
    declared = Headers(scope=scope).get("content-length", "")
    too_large = declared.isdecimal() and int(declared) > limit
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else status


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
