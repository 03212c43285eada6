"""What a call of an ASGI application did, as the server saw it."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message

__all__ = ("Recording", "is_last")


def is_last(message: Message) -> bool:
    """Whether a message is the end of an HTTP response."""
    return message["type"] == "http.response.body" and not message.get("more_body", False)


@dataclass
class Recording:
    """What one application call did.

    Attributes:
        messages: Everything it sent, in order, as the server saw it.
        error: What it raised in the end; `CancelledError` when cancelled natively.
        cancelled: Whether the cancellation that was asked for has been delivered.
    """

    messages: list[Message] = field(default_factory=list[Message])
    error: BaseException | None = None
    cancelled: bool = False

    @property
    def types(self) -> list[str]:
        """The types of the messages."""
        return [message["type"] for message in self.messages]

    @property
    def started(self) -> bool:
        """Whether any byte of a response would have left."""
        return "http.response.start" in self.types

    @property
    def complete(self) -> bool:
        """Whether the client got the whole response, and knows it."""
        return any(map(is_last, self.messages))

    @property
    def status(self) -> int:
        """The status, of the only response there may be."""
        (start,) = (m for m in self.messages if m["type"].endswith("http.response.start"))
        status: int = start["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        """The response's headers, by lower-case name."""
        (start,) = (m for m in self.messages if m["type"].endswith("http.response.start"))
        return {name.decode().lower(): value.decode() for name, value in start["headers"]}

    @property
    def body(self) -> bytes:
        """The body so far."""
        parts = (m for m in self.messages if m["type"].endswith("http.response.body"))
        return b"".join(message.get("body", b"") for message in parts)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)
