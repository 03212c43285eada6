"""Telling statements that read from statements that write."""

import re
from enum import Enum, auto
from functools import lru_cache

from sqlalchemy import Executable, FunctionElement, SelectBase, TextClause, UpdateBase
from sqlalchemy.orm import FromStatement
from sqlalchemy.sql.ddl import DDLElement
from sqlalchemy.sql.selectable import TextualSelect

__all__ = ("MYSQL", "Effect", "commits", "effect_of", "writes")

# MariaDB goes by either name, as its URL has it.
MYSQL = frozenset({"mysql", "mariadb"})


class Effect(Enum):
    """What a statement does to the data, as far as its form tells."""

    READS = auto()
    WRITES = auto()
    OTHER = auto()
    """Neither: ``SET``, ``LOCK``, ``SAVEPOINT`` and the like."""


_READING = frozenset({"select", "values", "table", "show", "describe", "desc"})
_WRITING = frozenset(
    {
        *("insert", "update", "delete", "merge", "replace", "upsert", "truncate", "copy", "load"),
        *("create", "alter", "drop", "rename", "comment", "grant", "revoke", "refresh", "reindex"),
        *("call", "do"),
    }
)
# Before and after these MySQL and MariaDB commit, unless what is changed is temporary.
_COMMITTING = frozenset(
    {
        *("create", "alter", "drop", "rename", "truncate", "grant", "revoke"),
        *("begin", "start", "lock", "flush"),
    }
)
# Comments (but for those that MySQL executes), string literals, quoted names and dollar-quoted
# bodies.
_OPAQUE = re.compile(
    r"""--[^\n]*|(?m:^\s*\#[^\n]*)|/\*(?!M?!).*?\*/"""
    r"""|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(\w*)\$.*?\$\1\$""",
    re.DOTALL,
)
_WORD = re.compile(r"[a-z_]+")
_CHANGING_WORDS = frozenset({"insert", "update", "delete", "merge"})


def effect_of(statement: Executable) -> Effect:
    """Return what a statement does, judged by its form.

    A function with side effects in a SELECT cannot be seen; a read-only transaction refuses it.
    """
    if isinstance(statement, UpdateBase | DDLElement):
        return Effect.WRITES
    if isinstance(statement, TextClause):
        return _effect_of_text(statement.text)
    if isinstance(statement, TextualSelect | FromStatement):
        return effect_of(statement.element)
    if isinstance(statement, SelectBase | FunctionElement):
        return Effect.READS
    # What is left that selects or writes is a `lambda_stmt`, known by its flags alone.
    if statement.is_dml:
        return Effect.WRITES
    return Effect.READS if statement.is_select else Effect.OTHER


def writes(sql: str) -> bool:
    """Tell whether SQL, as it is sent to a driver, changes data."""
    # Most statements are plain queries, of which a list's length makes ever new ones.
    return not sql.startswith("SELECT") and _effect_of_text(sql) is Effect.WRITES


def commits(sql: str) -> bool:
    """Tell whether SQL that is sent to MySQL or MariaDB ends the transaction before it."""
    if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
        return False
    words = _words(sql)
    return bool(words) and words[0] in _COMMITTING and "temporary" not in words[:4]


def _words(sql: str) -> list[str]:
    return _WORD.findall(_OPAQUE.sub(" ", sql).lower())


@lru_cache(maxsize=512)
def _effect_of_text(sql: str) -> Effect:
    words = _words(sql)
    if not words:
        return Effect.OTHER
    if words[0] in _WRITING:
        return Effect.WRITES
    if words[0] in {"with", "explain"}:
        # SELECT ... FOR UPDATE locks, and changes nothing.
        changes = _CHANGING_WORDS.intersection(
            word for before, word in zip(["", *words], words, strict=False) if before != "for"
        )
        return Effect.WRITES if changes else Effect.READS
    if words[0] == "analyze" and not _CHANGING_WORDS.isdisjoint(words):
        # MariaDB's EXPLAIN that executes.
        return Effect.WRITES
    return Effect.READS if words[0] in _READING else Effect.OTHER
