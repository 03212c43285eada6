"""The ways of wiring one handler that are compared."""

from dataclasses import dataclass
from typing import Literal

__all__ = ("KEYS", "PLAIN", "RETRY", "UPSTREAM", "Wiring")


@dataclass(frozen=True)
class Wiring:
    """One way of wiring the handler.

    Attributes:
        name: Its name in the table.
        package: Whose extension.
        provider: What the handler depends on.
        keys: Whether clients send an Idempotency-Key, and repeat until the answer is definite.
        retry: Whether the route runs again by itself.
    """

    name: str
    package: Literal["holdfast", "upstream"]
    provider: Literal["session", "service"] = "session"
    keys: bool = False
    retry: bool = False

    @property
    def is_holdfast(self) -> bool:
        """Whether the promise is to hold."""
        return self.package == "holdfast"


PLAIN = Wiring("Holdfast", "holdfast")
KEYS = Wiring("Holdfast, keys", "holdfast", keys=True)
RETRY = Wiring("Holdfast, retry", "holdfast", retry=True)
UPSTREAM = (
    Wiring("upstream, session", "upstream"),
    Wiring("upstream, service", "upstream", provider="service"),
)
