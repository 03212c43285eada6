"""Types of query parameters: from the text of a query to values that a database can take."""

from contextlib import suppress
from datetime import UTC, datetime
from enum import EnumMeta
from math import isfinite
from types import GenericAlias
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler

__all__ = ("Instant", "SearchText", "annotated", "several")

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def annotated(hint: Any, *metadata: object) -> Any:
    """Annotate a type that is known only at run time."""
    return cast("Any", Annotated)[(hint, *metadata)]


def _read_iso_8601(value: object) -> object:
    # Pydantic alone rejects week dates and a date followed by Z, and reads the basic format
    # 20240131 as a Unix time. What is not ISO 8601 at all goes on to Pydantic, for its error.
    if isinstance(value, str):
        text = value.replace("Z", "+00:00")
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return value


def _in_utc(value: datetime) -> datetime:
    # Advanced Alchemy's DateTimeUTC columns refuse to bind a time without an offset, and SQLite
    # stores what is bound without its offset.
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        message = "the time is outside the years 1 to 9999 in UTC"
        raise ValueError(message) from error


def _storable(value: Any) -> Any:
    """Refuse what a type allows and a database, or its driver, does not."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int) and not _INT64_MIN <= value <= _INT64_MAX:
        message = "the number does not fit into 64 bits"
        raise ValueError(message)
    elif isinstance(value, float) and not isfinite(value):
        message = "the number is not finite"
        raise ValueError(message)
    return value


def _check_text(value: str) -> None:
    if "\0" in value:
        message = "the text has a NUL character"
        raise ValueError(message)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        message = "the text has half of a surrogate pair"
        raise ValueError(message) from error


Instant = Annotated[datetime, BeforeValidator(_read_iso_8601), AfterValidator(_in_utc)]


class _WithoutNUL:
    """Documents that a text has no NUL character.

    Not by `Field(json_schema_extra=...)`, which FastAPI's `Query` replaced up to at least 0.142.
    """

    @staticmethod
    def __get_pydantic_json_schema__(core_schema: Any, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(core_schema), "pattern": r"^[^\x00]*$"}


SearchText = Annotated[str, AfterValidator(_storable), _WithoutNUL()]


def _readable(hint: Any) -> Any:
    """Let a choice whose value is no string be named by its text.

    Pydantic compares such members with the string from the query, which never equals a number.
    """
    choices: tuple[Any, ...] = get_args(hint) if get_origin(hint) is Literal else tuple(hint)
    named = {str(getattr(choice, "value", choice)): choice for choice in choices}
    if all(getattr(choice, "value", choice) == text for text, choice in named.items()):
        return hint
    return annotated(hint, BeforeValidator(lambda value: named.get(value, value)))


def _value(hint: Any) -> Any:
    if get_origin(hint) is Literal or isinstance(hint, EnumMeta):
        return _readable(hint)
    if hint is datetime:
        return Instant
    if hint is str:
        return SearchText
    if hint is int:
        return annotated(int, Field(ge=_INT64_MIN, le=_INT64_MAX))
    if hint is float:
        return annotated(float, Field(allow_inf_nan=False))
    return annotated(hint, AfterValidator(_storable))


def several(hint: Any, at_most: int) -> Any:
    """Make the type of a parameter that lists values.

    Args:
        hint: The type of one value.
        at_most: How many values it takes.
    """
    # The bound is on the whole: FastAPI before 0.138 sees no list where the union has it annotated.
    return annotated(GenericAlias(list, (_value(hint),)) | None, Field(max_length=at_most))
