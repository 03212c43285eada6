"""How operations are called: ``list_authors``, ``get_author``."""

import re
from dataclasses import dataclass

from holdfast.crud.operation import OperationName

__all__ = ("Names", "names_of")


@dataclass(frozen=True)
class Names:
    """What one row is called, and what several are."""

    singular: str
    plural: str

    def operation_id(self, operation: OperationName) -> str:
        """Return the id of an operation in the document."""
        verb = operation.removeprefix("bulk_")
        many = verb == "list" or verb != operation
        return f"{verb}_{self.plural if many else self.singular}"


def names_of(model: type, prefix: str, singular: str | None, plural: str | None) -> Names:
    """Return the names of a model's rows: as given, or else from its name and the prefix.

    Args:
        model: The mapped class.
        prefix: The prefix of the routes, whose last part names several where it is a word.
        singular: What one row is called.
        plural: What several are called.
    """
    one = singular or re.sub(
        r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", model.__name__
    )
    last = prefix.rstrip("/").rpartition("/")[2].replace("-", "_")
    several = plural or (last if last.isidentifier() else f"{one}s")
    return Names(one.lower(), several.lower())
