"""One change among many: its model, and how it is carried out."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from holdfast.crud.conditions import EntityTags
from holdfast.crud.keys import key_annotation
from holdfast.errors import ConfigurationError
from holdfast.problems import Problem, ProblemError
from holdfast.query.all_or_nothing import bulk_failed
from holdfast.query.attributes import Attribute
from holdfast.query.bulk_update import RowChange
from holdfast.query.preconditions import Precondition

__all__ = ("change_model", "row_changes")

_TAG = "The ETag that was read, as for `If-Match`."


@cache
def change_model(
    model: type[Any], update: Any, key: tuple[str, ...], *, tagged: bool, required: bool
) -> type[BaseModel]:
    """Make the model of one change among many: the row's key, and what of it changes.

    It is the same for the same arguments, so that a document has it once.

    Args:
        model: The mapped class.
        update: What PATCH takes.
        key: The names of the key's attributes.
        tagged: Whether the rows have entity tags.
        required: Whether each change needs one.

    Raises:
        ConfigurationError: The key has the name of another member.
    """
    members: dict[str, Any] = {name: (key_annotation(getattr(model, name)), ...) for name in key}
    if "changes" in members or "if_match" in members:
        raise ConfigurationError(
            f"The key of {model.__name__} is called like a member of a bulk change. "
            "Leave `bulk` out, or choose another `key`."
        )
    members["changes"] = (update, ...)
    if tagged:
        members["if_match"] = (EntityTags, Field(default=None, description=_TAG))
    name = f"{getattr(update, '__name__', model.__name__)}Item"
    config = ConfigDict(json_schema_extra=_requiring(required))
    return create_model(name, __config__=config, **members)


def row_changes(
    changes: Sequence[Any], key: Sequence[Attribute], *, required: bool
) -> list[RowChange]:
    """Return changes as they are carried out.

    Args:
        changes: Instances of the model.
        key: The key's attributes.
        required: Whether each needs an entity tag.

    Raises:
        ProblemError: Of those whose entity tag is missing (428) or none (422), by their index.
    """
    made: list[RowChange] = []
    failures: list[tuple[int, Problem]] = []
    for index, change in enumerate(changes):
        try:
            made.append(_row_change(change, key, required=required))
        except ProblemError as error:
            failures.append((index, error.problem))
    if failures:
        raise bulk_failed(failures)
    return made


def _row_change(change: Any, key: Sequence[Attribute], *, required: bool) -> RowChange:
    condition = Precondition.from_headers(getattr(change, "if_match", None), None)
    if required:
        condition.require()
    return RowChange(tuple(getattr(change, each.key) for each in key), change.changes, condition)


def _requiring(required: bool) -> Callable[[dict[str, Any]], None]:
    def require(schema: dict[str, Any]) -> None:
        # One without it is answered with a 428, as a request without the header is.
        if required:
            schema["required"] = [*schema.get("required", ()), "if_match"]

    return require
