"""Answers kept under a key of the client's, in the transaction of what they acknowledge.

The header is that of the IETF's draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import Response
from starlette.types import Message

from holdfast.problems import Problem
from holdfast.transaction.statements import MYSQL

__all__ = (
    "HEADER",
    "KEY_IN_PROGRESS",
    "KEY_UNSUPPORTED",
    "REPLAYED_HEADER",
    "TABLE_NAME",
    "Answer",
    "KeyTable",
    "Stored",
    "digest",
    "key_table",
)

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
TABLE_NAME = "holdfast_idempotency"

KEY_UNSUPPORTED = Problem(
    "idempotency-key-unsupported",
    HTTPStatus.BAD_REQUEST,
    "Idempotency-Key not supported",
    f"This operation does not take the header {HEADER}. Nothing was changed; send it without.",
)
KEY_IN_PROGRESS = Problem(
    "idempotency-key-in-progress",
    HTTPStatus.CONFLICT,
    "In progress",
    "A request with the same key is still being executed. Repeat this one later for its answer.",
    retry_after=1,
)
_WITHOUT_LENGTH = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_NOT_STORED = frozenset({b"date", b"connection", b"transfer-encoding"})
_MEBIBYTES_16 = 2**24 - 1  # MySQL's MEDIUMBLOB; other databases need no length


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent, and sent again."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @staticmethod
    def follows(start: Message) -> bool:
        """Tell whether the start of a response may be that of an answer that can be kept.

        The length of a stream is not known, and its body belongs after the start of the response.
        """
        bodiless = start["status"] in _WITHOUT_LENGTH
        return bodiless or any(name.lower() == b"content-length" for name, _ in start["headers"])

    @classmethod
    def of(cls, start: Message, body: Message, most: int) -> "Answer | None":
        """Return the answer that two messages make, or None for one that cannot be kept.

        Args:
            start: The start of the response.
            body: The first message of its body.
            most: Bytes of a body that are kept.
        """
        content = body.get("body", b"")
        if body["type"] != "http.response.body" or body.get("more_body") or len(content) > most:
            return None
        headers = tuple((name, value) for name, value in start["headers"])
        if any(name.lower() == b"set-cookie" for name, _ in headers):
            # It is for one client only, and may be a secret.
            return None
        return cls(start["status"], headers, content)

    def response(self) -> Response:
        """Return it as a response that says that it is a repetition."""
        response = Response(self.body, self.status)
        response.raw_headers = [*self.headers, (REPLAYED_HEADER.lower().encode(), b"true")]
        return response


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored under a key that is taken.

    Attributes:
        fingerprint: That of the request that took it.
        answer: Its answer; None where it was executed but its answer not kept.
    """

    fingerprint: str
    answer: Answer | None


def digest(*parts: bytes) -> str:
    """Return a hexadecimal SHA-256 of several parts, each of which counts for itself."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()


def key_table(metadata: MetaData) -> Table:
    """Return the table of keys, which is added to the metadata where it is not there yet."""
    name = f"{metadata.schema}.{TABLE_NAME}" if metadata.schema else TABLE_NAME
    if name in metadata.tables:
        return metadata.tables[name]
    return Table(
        TABLE_NAME,
        metadata,
        Column("id", String(64), primary_key=True),
        Column("fingerprint", String(64), nullable=False),
        Column("expires_at", BigInteger, nullable=False, index=True),
        Column("status", Integer),
        Column("headers", Text),
        Column("body", LargeBinary(_MEBIBYTES_16)),
    )


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The table of keys, and how it is used.

    Attributes:
        table: The table.
        lifetime: Seconds after which a key is free again.
        wait: Seconds to wait for a request under way with the same key.
        most: Bytes of an answer's body that are kept.
    """

    table: Table
    lifetime: float
    wait: float
    most: int

    def claim(self, session: Session, key: str, fingerprint: str) -> Stored | None:
        """Claim a key in the session's transaction.

        A request under way with the same key holds its row locked, which is waited for.

        Args:
            session: The session of the request.
            key: The key's id, a ``digest``.
            fingerprint: The request's.

        Returns:
            What is stored under the key; None where it was free and is this request's now.

        Raises:
            sqlalchemy.exc.DBAPIError: Among others when the lock was waited for in vain, or when
                the other request's row cannot be seen from this transaction.
        """
        now = int(time.time())
        values = {"id": key, "fingerprint": fingerprint, "expires_at": now + round(self.lifetime)}
        with _patience(session, self.wait):
            if _inserted(session, self.table, values):
                return None
            row = self._row(session, key)
            if row.expires_at <= now and self._renewed(session, row.expires_at, values):
                return None
        if row.expires_at <= now:
            # Another request was quicker, and has committed.
            row = self._row(session, key)
        return Stored(row.fingerprint, _answer_in(row))

    def _row(self, session: Session, key: str) -> Any:
        query = select(self.table).where(self.table.c.id == key)
        if session.get_bind().dialect.name in MYSQL:
            # A locking read sees what was committed since this transaction's snapshot.
            query = query.with_for_update(read=True)
        return session.execute(query).one()

    def _renewed(self, session: Session, expired_at: int, values: dict[str, Any]) -> bool:
        table = self.table
        unchanged = (table.c.id == values["id"], table.c.expires_at == expired_at)
        empty = {"status": None, "headers": None, "body": None}
        result: Any = session.execute(update(table).where(*unchanged).values(**values, **empty))
        return bool(result.rowcount == 1)

    def keep(self, session: Session, key: str, answer: Answer) -> None:
        """Store an answer under a key that was claimed."""
        kept = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in answer.headers
            if name.lower() not in _NOT_STORED
        ]
        values = {"status": answer.status, "headers": json.dumps(kept), "body": answer.body}
        session.execute(update(self.table).where(self.table.c.id == key).values(**values))

    def purge(self, session: Session) -> None:
        """Delete the keys that have expired."""
        session.execute(delete(self.table).where(self.table.c.expires_at <= int(time.time())))


def _answer_in(row: Any) -> Answer | None:
    if row.status is None:
        return None
    headers: Iterable[tuple[str, str]] = json.loads(row.headers)
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return Answer(row.status, raw, bytes(row.body))


def _inserted(session: Session, table: Table, values: dict[str, Any]) -> bool:
    match session.get_bind().dialect.name:
        case "postgresql":
            statement: Any = postgresql.insert(table).values(values).on_conflict_do_nothing()
        case "sqlite":
            statement = sqlite.insert(table).values(values).on_conflict_do_nothing()
        case _:
            statement = table.insert().prefix_with("IGNORE").values(values)
    # psycopg's dialect counts the rows of an INSERT only where it is asked to.
    result: Any = session.execute(statement, execution_options={"preserve_rowcount": True})
    return bool(result.rowcount == 1)


# How long a statement waits for a lock: read, and set, on the connection alone.
_PATIENCE = {
    "postgresql": (
        "SELECT current_setting('lock_timeout')",
        "SELECT set_config('lock_timeout', '{}', true)",
        1000,
    ),
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {}", 1000),
    "mysql": (
        "SELECT @@SESSION.innodb_lock_wait_timeout",
        "SET SESSION innodb_lock_wait_timeout = {}",
        1,
    ),
}


@contextmanager
def _patience(session: Session, seconds: float) -> Generator[None]:
    """Bound the wait for locks within the block; where it fails the transaction is over anyway."""
    name = session.get_bind().dialect.name
    read, write, scale = _PATIENCE["mysql" if name in MYSQL else name]
    before = session.execute(text(read)).scalar_one()
    session.execute(text(write.format(max(1, round(seconds * scale)))))
    try:
        yield
    except BaseException:
        if name != "postgresql":
            # Of a connection that is lost, or was given up with the task, nothing is left to set.
            with suppress(SQLAlchemyError):
                session.execute(text(write.format(before)))
        raise
    session.execute(text(write.format(before)))
