"""Holdfast joins FastAPI and SQLAlchemy through Advanced Alchemy.

Every public name of ``advanced_alchemy.extensions.fastapi`` is importable from here. Names are
resolved on first use, so that importing one part never loads the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advanced_alchemy import (
        base,
        exceptions,
        filters,
        mixins,
        operations,
        repository,
        service,
        types,
        utils,
    )
    from advanced_alchemy.alembic.commands import AlembicCommands
    from advanced_alchemy.config import (
        AlembicAsyncConfig,
        AlembicSyncConfig,
        AsyncSessionConfig,
        SyncSessionConfig,
    )

    from holdfast import errors, problems, providers, testing
    from holdfast.crud.answers import Answers
    from holdfast.crud.declaration import ResourceOptions
    from holdfast.crud.operation import Operation
    from holdfast.crud.pages import CursorPage, OffsetPage
    from holdfast.crud.problem_route import ProblemRoute
    from holdfast.crud.resource import Resource
    from holdfast.crud.router import CRUDRouter
    from holdfast.crud.rows import Rows
    from holdfast.providers import (
        DEPENDENCY_DEFAULTS,
        ChoiceField,
        DependencyCache,
        DependencyDefaults,
        FieldNameType,
        FilterConfig,
        dep_cache,
        provide_filters,
        provide_service,
    )
    from holdfast.query.preconditions import Precondition
    from holdfast.query.scope import Scope
    from holdfast.query.search import Search
    from holdfast.transaction.hooks import after_commit
    from holdfast.transaction.retry import Retry
    from holdfast.wiring.cli import (
        assign_cli_group,
        get_database_migration_plugin,
        register_database_commands,
    )
    from holdfast.wiring.config import SQLAlchemyAsyncConfig, SQLAlchemySyncConfig
    from holdfast.wiring.encoded import Encoded
    from holdfast.wiring.engine import EngineConfig
    from holdfast.wiring.extension import AdvancedAlchemy
    from holdfast.wiring.idempotency import PUBLIC
    from holdfast.wiring.sqlite import SQLitePragmas

__all__ = (
    "DEPENDENCY_DEFAULTS",
    "PUBLIC",
    "AdvancedAlchemy",
    "AlembicAsyncConfig",
    "AlembicCommands",
    "AlembicSyncConfig",
    "Answers",
    "AsyncSessionConfig",
    "CRUDRouter",
    "ChoiceField",
    "CursorPage",
    "DependencyCache",
    "DependencyDefaults",
    "Encoded",
    "EngineConfig",
    "FieldNameType",
    "FilterConfig",
    "OffsetPage",
    "Operation",
    "Precondition",
    "ProblemRoute",
    "Resource",
    "ResourceOptions",
    "Retry",
    "Rows",
    "SQLAlchemyAsyncConfig",
    "SQLAlchemySyncConfig",
    "SQLitePragmas",
    "Scope",
    "Search",
    "SyncSessionConfig",
    "after_commit",
    "assign_cli_group",
    "base",
    "dep_cache",
    "errors",
    "exceptions",
    "filters",
    "get_database_migration_plugin",
    "mixins",
    "operations",
    "problems",
    "provide_filters",
    "provide_service",
    "providers",
    "register_database_commands",
    "repository",
    "service",
    "testing",
    "types",
    "utils",
)

__version__ = "0.1.0"

_NAMES_OF = {
    "advanced_alchemy.alembic.commands": ("AlembicCommands",),
    "advanced_alchemy.config": (
        "AlembicAsyncConfig",
        "AlembicSyncConfig",
        "AsyncSessionConfig",
        "SyncSessionConfig",
    ),
    "holdfast.crud.answers": ("Answers",),
    "holdfast.crud.declaration": ("ResourceOptions",),
    "holdfast.crud.operation": ("Operation",),
    "holdfast.crud.pages": ("CursorPage", "OffsetPage"),
    "holdfast.crud.problem_route": ("ProblemRoute",),
    "holdfast.crud.resource": ("Resource",),
    "holdfast.crud.router": ("CRUDRouter",),
    "holdfast.crud.rows": ("Rows",),
    "holdfast.providers": (
        "DEPENDENCY_DEFAULTS",
        "ChoiceField",
        "DependencyCache",
        "DependencyDefaults",
        "FieldNameType",
        "FilterConfig",
        "dep_cache",
        "provide_filters",
        "provide_service",
    ),
    "holdfast.query.preconditions": ("Precondition",),
    "holdfast.query.scope": ("Scope",),
    "holdfast.query.search": ("Search",),
    "holdfast.transaction.hooks": ("after_commit",),
    "holdfast.transaction.retry": ("Retry",),
    "holdfast.wiring.cli": (
        "assign_cli_group",
        "get_database_migration_plugin",
        "register_database_commands",
    ),
    "holdfast.wiring.config": ("SQLAlchemyAsyncConfig", "SQLAlchemySyncConfig"),
    "holdfast.wiring.encoded": ("Encoded",),
    "holdfast.wiring.engine": ("EngineConfig",),
    "holdfast.wiring.extension": ("AdvancedAlchemy",),
    "holdfast.wiring.idempotency": ("PUBLIC",),
    "holdfast.wiring.sqlite": ("SQLitePragmas",),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}
_OWN_MODULES = frozenset({"errors", "problems", "providers", "testing"})


def __getattr__(name: str) -> Any:
    """Resolve a public name, and remember it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    else:
        package = __name__ if name in _OWN_MODULES else "advanced_alchemy"
        value = import_module(f"{package}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
