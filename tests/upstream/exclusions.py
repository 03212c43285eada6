"""Upstream's tests that cannot pass here, each with its reason; the table is exact.

A test without brackets stands for all its parameters. Every test named here has to fail, and in
the way that shows its reason: one that passes, fails otherwise or is no longer there belongs out
of the table.
"""

from typing import NamedTuple

__all__ = ("EXCLUSIONS", "Exclusion", "excluded", "exclusion_of")

PROVIDERS = "tests/unit/test_extensions/test_fastapi/test_providers.py"
LIFECYCLE = "tests/unit/test_extensions/test_fastapi/test_session_lifecycle.py"
STARLETTE = "tests/unit/test_extensions/test_starlette.py"


class Exclusion(NamedTuple):
    """Why a test cannot pass.

    Attributes:
        reason: For people; `docs/upstream-tests.md` repeats it.
        shown_by: What the test's failure says, if that is the reason.
    """

    reason: str
    shown_by: str


_STATUS_FUNCTION = Exclusion(
    reason="calls the private `_should_commit_for_status`",
    shown_by="'_should_commit_for_status' is not defined",
)
_BUILDER = Exclusion(
    reason="looks up the private `_create_filter_aggregate_function_fastapi`",
    shown_by="'_create_filter_aggregate_function_fastapi'",
)
_FLAG_REASON = "reads the private flag on `request.state` that named the owner of a session"
_SIGNATURE_REASON = (
    "expects one nested dependency a filter; here each query parameter is a parameter"
)

EXCLUSIONS: dict[str, dict[str, Exclusion]] = {
    "A private name": {
        f"{LIFECYCLE}::test_should_commit_autocommit_on_2xx": _STATUS_FUNCTION,
        f"{LIFECYCLE}::test_should_commit_autocommit_no_commit_on_non_2xx": _STATUS_FUNCTION,
        f"{LIFECYCLE}::test_should_commit_autocommit_include_redirect_on_2xx_3xx": _STATUS_FUNCTION,
        f"{LIFECYCLE}::test_should_commit_autocommit_include_redirect_no_commit_on_4xx_5xx": (
            _STATUS_FUNCTION
        ),
        f"{LIFECYCLE}::test_should_commit_manual_never_commits": _STATUS_FUNCTION,
        f"{LIFECYCLE}::test_generator_session_marked_as_managed": Exclusion(
            _FLAG_REASON, shown_by="{'managed': False} == {'managed': True}"
        ),
        f"{LIFECYCLE}::test_multiple_generator_sessions_tracked_independently": Exclusion(
            _FLAG_REASON, shown_by="{'db1': False, 'db2': False} == {'db1': True, 'db2': True}"
        ),
        f"{PROVIDERS}::test_create_filter_dependencies_cache_hit": _BUILDER,
        f"{PROVIDERS}::test_create_filter_dependencies_cache_miss": _BUILDER,
        f"{PROVIDERS}::test_create_filter_aggregate_function_fastapi": _BUILDER,
    },
    "The private shape of a filter dependency": {
        f"{PROVIDERS}::test_create_filter_dependencies_all_filters": Exclusion(
            _SIGNATURE_REASON, shown_by="'created_filter' in mappingproxy("
        ),
        f"{PROVIDERS}::test_custom_dependency_defaults_fastapi": Exclusion(
            _SIGNATURE_REASON, shown_by="'paging' in mappingproxy("
        ),
        f"{PROVIDERS}::test_openapi_schema_comprehensive": Exclusion(
            _SIGNATURE_REASON, shown_by="Extra items in the left set"
        ),
        f"{PROVIDERS}::test_provide_filters_normalizes_list_field_config": Exclusion(
            _SIGNATURE_REASON, shown_by="Extra items in the left set"
        ),
    },
    "Sorting by a field that was not offered": {
        f"{PROVIDERS}::test_provide_filters_applies_configured_nulls_placement": Exclusion(
            reason="sorts by `id` where only `name` is offered, which is answered with 422",
            shown_by="{'detail': ",
        ),
    },
    "A swallowed commit error": {
        f"{STARLETTE}::test_async_session_handler_commit_failure_still_closes": Exclusion(
            reason="expects 200 for a request whose COMMIT failed",
            shown_by="assert 500 == 200",
        ),
    },
}

_ENTRIES = {test: exclusion for group in EXCLUSIONS.values() for test, exclusion in group.items()}


def excluded(test: str) -> str | None:
    """Return the entry of the table that a test falls under."""
    return next((entry for entry in (test, test.partition("[")[0]) if entry in _ENTRIES), None)


def exclusion_of(entry: str) -> Exclusion:
    """Return what the table says of one of its entries."""
    return _ENTRIES[entry]
