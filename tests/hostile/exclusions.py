"""What schemathesis holds against the example that is no fault of it: all of it, and why.

A finding is excluded only where operation, check and the words of the finding all fit. That each
exclusion is still needed is tested too.
"""

import re
from dataclasses import dataclass

__all__ = ("EXCLUSIONS", "Exclusion", "Finding")

LISTS = frozenset({"GET /airports", "GET /countries", "GET /countries/{code}/airports"})


@dataclass(frozen=True)
class Finding:
    """One failure of one check.

    Attributes:
        operation: Method and path, as the document has them.
        check: The name of the check.
        message: What the check says.
        answer: The body of the answer that it is about.
    """

    operation: str
    check: str
    message: str
    answer: str


@dataclass(frozen=True)
class Exclusion:
    """One kind of finding that is not a fault.

    Attributes:
        operations: Where it shows.
        check: The check that finds it.
        words: A regular expression found in the check's message or in the answer.
        reason: Why it stays.
    """

    operations: frozenset[str]
    check: str
    words: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is of this kind."""
        return (
            finding.operation in self.operations
            and finding.check == self.check
            and re.search(self.words, finding.message + finding.answer) is not None
        )


EXCLUSIONS = (
    Exclusion(
        LISTS,
        "positive_data_acceptance",
        r'"currentPage"\],"msg":"Input should be less than or equal to \d+"',
        "The deepest page depends on the size of the page. A schema bounds each parameter alone: "
        "the document has the largest number that any size allows, and says in words what counts.",
    ),
    Exclusion(
        LISTS,
        "negative_data_rejection",
        r"parameter `timezoneIn` in query - violates `anyOf`",
        "A value that is no list is sent as a list of one is, and an object without members as no "
        "value at all: what arrived is valid.",
    ),
)
