"""Conditions that a request sets on the version of a row (RFC 9110, section 13)."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import class_mapper, object_mapper

from holdfast.query.write_problems import (
    invalid_header,
    precondition_failed,
    precondition_required,
)

__all__ = ("ENTITY_TAGS", "UNCONDITIONAL", "Precondition", "etag_of", "has_version")

_TAG = r'(W/)?"[!#-~]*"'

ENTITY_TAGS = rf"^(\*|{_TAG}( *, *{_TAG})*)$"
"""What the headers look like, as far as clients should use it: ``*``, or entity tags."""

_ANY = "*"
# Section 8.8.3; an empty element of a list counts for nothing (section 5.6.1).
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_GAP = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]*$")
# Of what an entity tag may hold, all but the sign that quoting adds.
_VERBATIM = "!#$&'()*+,/:;<=>?@[]^`{|}"
_LONGEST = 8000


def has_version(model: type[Any]) -> bool:
    """Tell whether the rows of a model have a version, and so an entity tag."""
    return class_mapper(model).version_id_col is not None


def etag_of(entity: Any) -> str | None:
    """Return the entity tag of a row, or None where its mapper has no version.

    It is strong and made of the version alone, so it is that of the row, not of what else an
    answer may show.
    """
    mapper = object_mapper(entity)
    column = mapper.version_id_col
    if column is None:
        return None
    version = getattr(entity, mapper.get_property_by_column(column).key)
    text = version.hex() if isinstance(version, bytes) else str(version)
    return f'"{quote(text, safe=_VERBATIM)}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a request requires of the row that it is about.

    Attributes:
        if_match: The entity tags of which one must be the row's; ``("*",)`` for any row.
        if_none_match: The entity tags of which none may be.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None

    @classmethod
    def from_headers(cls, if_match: str | None, if_none_match: str | None) -> "Precondition":
        """Read the two headers.

        Args:
            if_match: The value of ``If-Match``, or None where it was not sent. Several headers of
                the name are one, joined by commas.
            if_none_match: The same of ``If-None-Match``.

        Raises:
            ProblemError: 422, naming the header that does not have the form of either.
        """
        return cls(_tags("if-match", if_match), _tags("if-none-match", if_none_match))

    @property
    def only_creates(self) -> bool:
        """Whether there must not be such a row yet: ``If-None-Match: *``."""
        return self.if_none_match == (_ANY,)

    def require(self) -> None:
        """Insist on a condition.

        Raises:
            ProblemError: 428, where the request has none.
        """
        if self.if_match is None and self.if_none_match is None:
            raise precondition_required()

    def matches(self, etag: str | None) -> bool:
        """Tell whether an existing row with this entity tag may be changed.

        Both conditions have to hold. ``If-Match`` compares strongly, ``If-None-Match`` weakly.
        """
        if self.if_match is not None and not _any_strong(self.if_match, etag):
            return False
        return self.if_none_match is None or not _any_weak(self.if_none_match, etag)

    def check(self, entity: Any) -> None:
        """Compare the conditions with a row, which is best locked.

        Raises:
            ProblemError: 412, where they do not hold.
        """
        if not self.matches(etag_of(entity)):
            raise precondition_failed()

    def check_missing(self) -> None:
        """Compare the conditions with a row that does not exist yet, and would be created.

        Raises:
            ProblemError: 412, where ``If-Match`` asks for one that does.
        """
        if self.if_match is not None:
            raise precondition_failed()

    def is_not_modified(self, etag: str | None) -> bool:
        """Tell whether a client that reads has this already: it is answered with a 304."""
        return self.if_none_match is not None and _any_weak(self.if_none_match, etag)


UNCONDITIONAL = Precondition()
"""No condition."""


def _any_strong(tags: tuple[str, ...], etag: str | None) -> bool:
    return tags == (_ANY,) or (etag is not None and not etag.startswith("W/") and etag in tags)


def _any_weak(tags: tuple[str, ...], etag: str | None) -> bool:
    if tags == (_ANY,):
        return True
    return etag is not None and etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}


def _tags(name: str, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    text = value.strip(" \t")
    if text == _ANY:
        return (_ANY,)
    found: list[str] = []
    position = 0
    if text.startswith(","):
        position = _end(_GAP.match(text))
    while position < len(text) <= _LONGEST:
        tag = _ETAG.match(text, position)
        gap = tag and _GAP.match(text, tag.end())
        if tag is None or not gap:
            break
        found.append(tag.group())
        position = gap.end()
    if position < len(text) or not found:
        raise invalid_header(name, 'It is a list of entity tags, such as `"7"`, or `*`.')
    return tuple(found)


def _end(match: re.Match[str] | None) -> int:
    return 0 if match is None else match.end()
