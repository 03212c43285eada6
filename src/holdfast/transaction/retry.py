"""How often, and for how long, a request whose transaction met a concurrent change is run again."""

import math
import random
from dataclasses import dataclass

from holdfast.errors import ConfigurationError

__all__ = ("SAFE_METHODS", "Retry")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods whose requests ask for no change (RFC 9110, section 9.2.1; QUERY has its own)."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A bounded policy with full jitter: each pause is drawn between nothing and a growing limit.

    Full jitter spreads competing requests best, see
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Args:
        attempts: How often a request runs at most, the first time included.
        deadline: Seconds since the request arrived after which no attempt begins.
        base_delay: Seconds that limit the first pause; each later limit is twice the one before.
        max_delay: Seconds that no pause exceeds.

    Raises:
        ConfigurationError: A value makes no sense, or the policy would have no end.
    """

    attempts: int = 30
    deadline: float = 1.5
    base_delay: float = 0.002
    max_delay: float = 0.05

    def __post_init__(self) -> None:
        if self.attempts < 1 or not math.isfinite(self.attempts):
            raise ConfigurationError(
                f"Retry(attempts={self.attempts!r}) is no number of attempts. "
                "Write a whole number from 1, where 1 means none but the first."
            )
        for name in ("deadline", "base_delay", "max_delay"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigurationError(
                    f"Retry({name}={value!r}) sets no bound. Write a finite number of seconds."
                )

    def pause(self, attempt: int) -> float:
        """Return how many seconds to wait after an attempt, counted from 1."""
        limit = min(self.max_delay, self.base_delay * 2 ** min(attempt - 1, 32))
        return random.uniform(0, limit)  # noqa: S311 - jitter

    def allows(self, attempt: int, elapsed: float) -> bool:
        """Tell whether another attempt may follow one, so many seconds after the request came."""
        return attempt < self.attempts and elapsed < self.deadline
