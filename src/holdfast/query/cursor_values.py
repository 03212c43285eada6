"""Values in a cursor: what JSON holds for each kind of value, in one form only.

A cursor comes back from anywhere. So each reader here returns a value that a driver can send, or
raises ValueError; what no writer would have written is refused.
"""

import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

__all__ = (
    "any_from_json",
    "any_to_json",
    "boolean_from_json",
    "bytes_from_json",
    "bytes_to_json",
    "date_from_json",
    "datetime_from_json",
    "decimal_from_json",
    "decimal_to_json",
    "finite_from_json",
    "float_from_json",
    "integer_from_json",
    "one_of",
    "special_decimal_from_json",
    "text_from_json",
    "text_without_nul_from_json",
    "time_from_json",
    "time_with_zone_from_json",
    "utc_from_json",
    "utc_to_json",
    "uuid_from_json",
    "uuid_text_from_json",
    "uuid_to_json",
)

# More digits than MariaDB's DECIMAL has; PostgreSQL's may have more, but nobody sorts by them.
_DECIMAL = re.compile(r"-?[0-9]{1,200}(\.[0-9]{1,200})?")
_SPECIAL_DECIMALS = frozenset(("NaN", "Infinity", "-Infinity"))
_LEAST, _GREATEST = -(2**63), 2**63 - 1


T = TypeVar("T")
TemporalT = TypeVar("TemporalT", bound=date | time)


def _of(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise ValueError(f"no {kind.__name__}")
    return value


def boolean_from_json(value: Any) -> bool:
    """Read a boolean."""
    return _of(bool, value)


def integer_from_json(least: int, greatest: int) -> Callable[[Any], int]:
    """Return what reads an integer within bounds."""

    def read(value: Any) -> int:
        if not least <= _of(int, value) <= greatest:
            raise ValueError("out of bounds")
        return int(value)

    return read


def float_from_json(value: Any) -> float:
    """Read a float, infinite ones and NaN as well."""
    number = float(_of(str, value))
    if repr(number) != value:
        raise ValueError("not as written")
    return number


def finite_from_json(value: Any) -> float:
    """Read a float, but none that is infinite or NaN."""
    number = float_from_json(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def decimal_to_json(value: Any) -> str:
    """Write a number of exact digits."""
    return format(Decimal(value), "f")


def decimal_from_json(value: Any) -> Decimal:
    """Read a finite number of exact digits."""
    if _DECIMAL.fullmatch(_of(str, value)) is None:
        raise ValueError("no number")
    return Decimal(value)


def special_decimal_from_json(value: Any) -> Decimal:
    """Read a number of exact digits, infinite ones and NaN as well."""
    return Decimal(value) if value in _SPECIAL_DECIMALS else decimal_from_json(value)


def text_from_json(value: Any) -> str:
    """Read a text that can be encoded: one without lone surrogates."""
    _of(str, value).encode()
    return str(value)


def text_without_nul_from_json(value: Any) -> str:
    """Read a text without NUL, which PostgreSQL has none of."""
    if "\0" in text_from_json(value):
        raise ValueError("has a NUL")
    return str(value)


def one_of(labels: Collection[str]) -> Callable[[Any], str]:
    """Return what reads one of some texts."""
    known = frozenset(labels)

    def read(value: Any) -> str:
        if _of(str, value) not in known:
            raise ValueError("unknown")
        return str(value)

    return read


def bytes_to_json(value: Any) -> str:
    """Write bytes."""
    return bytes(value).hex()


def bytes_from_json(value: Any) -> bytes:
    """Read bytes."""
    found = bytes.fromhex(_of(str, value))
    if found.hex() != value:
        raise ValueError("not as written")
    return found


def uuid_to_json(value: Any) -> str:
    """Write a UUID, whether it is an object or a text."""
    return UUID(str(value)).hex


def uuid_from_json(value: Any) -> UUID:
    """Read a UUID."""
    found = UUID(_of(str, value))
    if found.hex != value:
        raise ValueError("not as written")
    return found


def uuid_text_from_json(value: Any) -> str:
    """Read a UUID as the text that columns without UUID objects take."""
    return str(uuid_from_json(value))


def _iso(read: Callable[[str], TemporalT], value: Any, *, zone: bool) -> TemporalT:
    found = read(_of(str, value))
    if found.isoformat() != value or (getattr(found, "tzinfo", None) is not None) is not zone:
        raise ValueError("not as written")
    return found


def date_from_json(value: Any) -> date:
    """Read a date."""
    return _iso(date.fromisoformat, value, zone=False)


def time_from_json(value: Any) -> time:
    """Read a time of day."""
    return _iso(time.fromisoformat, value, zone=False)


def time_with_zone_from_json(value: Any) -> time:
    """Read a time of day with its offset from UTC."""
    return _iso(time.fromisoformat, value, zone=True)


def datetime_from_json(value: Any) -> datetime:
    """Read a date-time without a zone."""
    return _iso(datetime.fromisoformat, value, zone=False)


def utc_to_json(value: datetime) -> str:
    """Write a moment: a date-time with a zone, as one of UTC."""
    return value.astimezone(UTC).isoformat()


def utc_from_json(value: Any) -> datetime:
    """Read a moment."""
    found = _iso(datetime.fromisoformat, value, zone=True)
    if found.utcoffset() != UTC.utcoffset(None):
        raise ValueError("not in UTC")
    return found


def any_to_json(value: Any) -> Any:
    """Write a value as SQLite stores it: an integer, a float, a text or bytes."""
    if isinstance(value, float):
        return {"float": repr(value)}
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def any_from_json(value: Any) -> Any:
    """Read a value as SQLite stores it."""
    match value:
        case {"float": number, **rest} if not rest:
            # SQLite takes NaN for NULL, which no stored float is.
            found = float_from_json(number)
            if math.isnan(found):
                raise ValueError("NaN")
            return found
        case {"bytes": text, **rest} if not rest:
            return bytes_from_json(text)
        case str():
            return text_from_json(value)
        case _:
            return integer_from_json(_LEAST, _GREATEST)(value)
