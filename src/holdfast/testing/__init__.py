"""What the tests of an application need: a client, statement counts, and COMMITs that fail.

Nothing here depends on a test framework.
"""

from holdfast.testing.client import client
from holdfast.testing.commits import fail_next_commit, lose_next_commit_reply
from holdfast.testing.statements import count_statements

__all__ = (
    "client",
    "count_statements",
    "fail_next_commit",
    "lose_next_commit_reply",
)
