"""Taking the idempotency key of a request, or answering it from what is stored under the key."""

from collections.abc import Callable
from http import HTTPStatus

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.orm import Session
from starlette.datastructures import Headers
from starlette.types import Scope

from holdfast.problems import Problem, ProblemResponse
from holdfast.transaction import metrics
from holdfast.transaction.claim import Claim
from holdfast.transaction.failure import is_locked
from holdfast.transaction.idempotency import HEADER, KEY_IN_PROGRESS, KeyTable, Stored, digest
from holdfast.transaction.request import RequestTransaction
from holdfast.transaction.retry import Retry
from holdfast.transaction.unit import AnyUnit, AsyncUnit, SessionSource

__all__ = ("MOST_CHARACTERS", "key_of", "take_key")

MOST_CHARACTERS = 255

_THREADS = 40
_limiter: RunVar[CapacityLimiter] = RunVar("holdfast_key_threads")

_MISSING = Problem(
    "idempotency-key-missing",
    HTTPStatus.BAD_REQUEST,
    "Idempotency-Key required",
    f"This operation requires the header {HEADER}, with a value that is new for each operation.",
)
_INVALID = Problem(
    "idempotency-key-invalid",
    HTTPStatus.BAD_REQUEST,
    "Idempotency-Key not valid",
    f"The header {HEADER} takes one value of 1 to {MOST_CHARACTERS} printable ASCII characters.",
)
_TOO_LARGE = Problem(
    "idempotency-body-too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "Content Too Large",
    f"A request with the header {HEADER} may have a body of at most 1 MiB. Nothing was changed.",
)
_REUSED = Problem(
    "idempotency-key-reused",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Idempotency-Key already used",
    "The key was used for a request with another content. Nothing was changed; take a new key.",
)
_NOT_KEPT = Problem(
    "idempotency-answer-not-kept",
    HTTPStatus.CONFLICT,
    "Already executed",
    "The request with this key was executed; its answer was not kept. Nothing more was changed.",
    extensions={"committed": True},
)


def key_of(scope: Scope, *, required: bool) -> str | Problem | None:
    """Return the key that a request was sent with, or what is wrong with it.

    Args:
        scope: The request's scope.
        required: Whether it is a problem to send none.
    """
    values = Headers(scope=scope).getlist(HEADER)
    if not values:
        return _MISSING if required else None
    [key, *others] = values
    key = key.strip()
    printable = key.isascii() and key.isprintable()
    if others or not 0 < len(key) <= MOST_CHARACTERS or not printable:
        return _INVALID
    return key


async def take_key(
    transaction: RequestTransaction,
    source: SessionSource,
    keys: KeyTable,
    identity: tuple[bytes, ...],
    content: tuple[bytes, ...],
) -> None:
    """Claim a key for the request, or answer from what is stored under it.

    Args:
        transaction: The request's transaction.
        source: The database with the table of keys.
        keys: The table.
        identity: What tells the key from those of other callers and operations, and the key.
        content: What a repetition has to have in common with the first request, but for the body.

    Raises:
        Diverted: The request is answered without its handler.
        sqlalchemy.exc.DBAPIError: The database could not be asked.
    """
    original = transaction.original
    if original is None or not original.can_repeat:
        transaction.divert(ProblemResponse(_TOO_LARGE))
    key, fingerprint = digest(*identity), digest(*content, original.body)
    unit = transaction.unit(source)
    policy, writes = transaction.retry, unit.writes
    # The handler has done nothing yet, so a conflict about the key may be repeated in any case.
    transaction.retry = policy or Retry()
    try:
        stored = await _claim(unit, lambda session: keys.claim(session, key, fingerprint))
    except NoResultFound:
        transaction.divert(ProblemResponse(KEY_IN_PROGRESS))
    except DBAPIError as error:
        if not is_locked(error):
            raise
        transaction.divert(ProblemResponse(KEY_IN_PROGRESS))
    transaction.retry = policy
    if stored is None:
        # Not the handler's: it alone is to be asked for a commit.
        unit.writes = writes
        transaction.claim = Claim(keys, key, fingerprint, unit, transaction.divert)
    elif stored.fingerprint != fingerprint:
        transaction.divert(ProblemResponse(_REUSED))
    elif stored.answer is None:
        transaction.divert(ProblemResponse(_NOT_KEPT))
    else:
        metrics.replayed()
        transaction.divert(stored.answer.response())


async def _claim(unit: AnyUnit, claim: Callable[[Session], Stored | None]) -> Stored | None:
    """Run a claim where it may wait.

    It may wait for a connection and for another request, whose COMMIT must find a thread meanwhile.
    """
    if isinstance(unit, AsyncUnit):
        return await unit.run(claim)
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await run_sync(claim, unit.session, limiter=limiter)
