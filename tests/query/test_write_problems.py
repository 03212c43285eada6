"""Refusals of a write are those that the database's own errors come to."""

from holdfast.query.write_problems import (
    foreign_key_violation,
    not_found,
    not_null_violation,
    outside_scope,
    still_referred_to,
)
from holdfast.transaction.details import describe
from holdfast.transaction.kinds import FOREIGN_KEY, NOT_NULL, OUTSIDE_SCOPE
from holdfast.transaction.violation import Violation
from holdfast.wiring.attachment import _NOT_FOUND


def test_a_foreign_key_outside_the_scope_is_answered_as_a_broken_one() -> None:
    """Nothing in the problem tells a row of somebody else from one that does not exist."""
    for fields in (["author_id"], ["tenant_id", "author_id"]):
        expected = describe(FOREIGN_KEY, Violation(tuple(fields)))
        assert foreign_key_violation(fields).problem == expected


def test_a_row_that_is_referred_to_is_answered_as_the_database_would() -> None:
    """A deletion that the mapper cannot put in an order is the same problem."""
    assert still_referred_to().problem == describe(FOREIGN_KEY, Violation(referenced=True))


def test_a_null_is_answered_as_the_database_would() -> None:
    """A null that is refused before its SQL is sent is the same problem."""
    expected = describe(NOT_NULL, Violation(("name",)))
    assert not_null_violation(["name"]).problem == expected


def test_a_row_outside_the_scope_is_answered_as_one_that_upstream_misses() -> None:
    """The 404 of a lookup is that of Advanced Alchemy's NotFoundError."""
    assert not_found().problem == _NOT_FOUND


def test_a_row_outside_the_scope_is_answered_as_one_that_a_policy_refuses() -> None:
    """Whether Holdfast or row-level security keeps a row out, the client is told the same."""
    assert outside_scope().problem == OUTSIDE_SCOPE
