"""One run of an application for a request, and the one answer that may come of it."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from anyio import CancelScope
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.problems import Problem
from holdfast.transaction import metrics
from holdfast.transaction.answers import Diverted, has_catch_all, instead_of, problem_response
from holdfast.transaction.failure import is_conflict, problem_for
from holdfast.transaction.hooks import run_hooks
from holdfast.transaction.idempotency import Answer
from holdfast.transaction.left_over import route_name
from holdfast.transaction.original import Original
from holdfast.transaction.owner import Owner
from holdfast.transaction.progress import current_progress
from holdfast.transaction.request import SCOPE_KEY, RequestTransaction
from holdfast.transaction.retry import Retry

__all__ = ("Attempt", "begin", "log_repetition")

logger = logging.getLogger("holdfast.transaction")


class AnswerWithheld(Exception):  # noqa: N818 - unwinds the application; nobody handles it
    """Raised out of ``send`` to stop an application whose answer will not be sent.

    A class of its own, because Starlette takes an ``OSError`` for a client that has gone, and a
    handler that the application registered for the real error would be told that the response has
    already started.
    """


def begin(scope: Scope, owner: Owner, original: Original | None = None) -> RequestTransaction:
    """Begin a request's transaction, and leave it where sessions find it."""
    transaction = RequestTransaction(scope, owner, original)
    scope[SCOPE_KEY] = {**scope.get(SCOPE_KEY, {}), owner: transaction}
    return transaction


class Attempt:
    """One run of the application for a request.

    Args:
        app: The application.
        owner: The extension whose boundary the request passes.
        scope: The scope of this attempt.
        send: Where the answer goes.
        original: The request as it arrived.
    """

    def __init__(
        self, app: ASGIApp, owner: Owner, scope: Scope, send: Send, original: Original
    ) -> None:
        self._app = app
        self._owner = owner
        self._scope = scope
        self._send_on = send
        self._original = original
        self._transaction = begin(scope, owner, original)
        self._started = False
        self._held: Message | None = None
        self._withheld: Exception | None = None
        self._raised: Exception | None = None

    async def __call__(self, receive: Receive, allows: Callable[[Retry], bool]) -> Retry | None:
        """Run the application, and send its answer or one in its place.

        Args:
            receive: Where the body comes from.
            allows: Tells whether a policy allows another attempt.

        Returns:
            The policy by which the request is to be run again; then nothing was sent.
        """
        self._allows = allows
        token = current_progress.set(self._transaction.progress)
        try:
            await self._run_app(receive)
            failure = self._withheld or self._raised
            if failure is None:
                return None
            retry = self._retry_after(failure)
            if retry is None:
                await self._answer(receive)
            return retry
        finally:
            current_progress.reset(token)
            await self._end()

    async def _run_app(self, receive: Receive) -> None:
        try:
            await self._app(self._scope, receive, self._send)
            if self._held is not None and not self._started:
                # Without a body that could be kept.
                await self._start(self._held, {"type": "http.response.body", "more_body": True})
        except Exception as error:
            # Where the answer is withheld, what the application raises is an echo of that.
            if self._withheld is None:
                if self._started:
                    raise
                await self._transaction.abandon()
                self._raised = error
        finally:
            if self._transaction.is_open:
                await self._transaction.abandon()

    async def _send(self, message: Message) -> None:
        if self._withheld is not None:
            raise AnswerWithheld from self._withheld
        if not self._started:
            if message["type"] == "http.response.start":
                self._held = message
                if self._transaction.claim is not None and Answer.follows(message):
                    # What is stored under the key is the whole answer.
                    return
            if self._held is not None:
                await self._start(self._held, message)
                if message is self._held:
                    return
        await self._send_on(message)

    async def _start(self, start: Message, message: Message) -> None:
        """Settle the transaction, and then start the response."""
        claim = self._transaction.claim
        answer = None if claim is None else Answer.of(start, message, claim.keys.most)
        try:
            await self._settle(_status_as_sent(self._scope, start["status"]), answer)
        except Exception as error:
            self._withheld = error
            raise AnswerWithheld from error
        self._started = True
        await self._send_on(start)

    async def _settle(self, status: int, answer: Answer | None) -> None:
        transaction = self._transaction
        if status < HTTPStatus.BAD_REQUEST:
            transaction.refuse_ignored_key()
        if transaction.diverted is not None:
            raise Diverted
        if status >= HTTPStatus.BAD_REQUEST:
            # Whatever a handler of the application made of it.
            conflict = transaction.conflict()
            if conflict is not None and self._retry_after(conflict) is not None:
                raise conflict
        await transaction.settle(status, answer)

    def _retry_after(self, failure: BaseException) -> Retry | None:
        """Return the policy by which the request may be run again after a failure."""
        transaction, original = self._transaction, self._original
        retry = transaction.retry
        if retry is None or transaction.diverted is not None:
            return None
        if transaction.progress.committed or not original.can_repeat:
            return None
        return retry if is_conflict(failure) and self._allows(retry) else None

    async def _answer(self, receive: Receive) -> None:
        if self._transaction.diverted is not None:
            await self._transaction.diverted(self._scope, receive, self._send_on)
        elif self._withheld is not None:
            await self._answer_withheld(receive, self._withheld)
        elif self._raised is not None:
            await self._answer_raised(receive, self._raised)

    async def _answer_withheld(self, receive: Receive, failure: Exception) -> None:
        request = Request(self._scope, receive)
        transaction = self._transaction
        response = await instead_of(
            request,
            failure,
            transaction.statement_of,
            repeatable=transaction.claim is not None,
        )
        if response is None:
            raise failure
        await response(self._scope, receive, self._send_on)

    async def _answer_raised(self, receive: Receive, error: Exception) -> None:
        problem = None if has_catch_all(self._scope) else self._problem_for(error)
        if problem is None:
            raise error
        response = problem_response(self._scope, problem, error)
        await response(self._scope, receive, self._send_on)

    def _problem_for(self, error: Exception) -> Problem | None:
        statement_of = self._transaction.statement_of
        return problem_for(error, statement_of=statement_of) or self._owner.problem_for(error)

    async def _end(self) -> None:
        try:
            await self._transaction.close()
        finally:
            due = self._transaction.due_hooks()
            if due:
                # What they follow is committed, whoever has cancelled the request since.
                with CancelScope(shield=True):
                    await run_hooks(due)


def log_repetition(scope: Scope, number: int, pause: float) -> None:
    """Tell, and count, that a request is run again."""
    metrics.retried(scope["method"])
    logger.info(
        "%s met a concurrent change and is run again in %.0f ms, for the %d. time",
        route_name(scope),
        pause * 1000,
        number,
    )


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
