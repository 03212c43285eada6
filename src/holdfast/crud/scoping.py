"""Dependencies that say whose rows a request may touch."""

from collections.abc import Callable, Coroutine, Mapping
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends

from holdfast.query.scope import EVERY_ROW, RowScope, Scope
from holdfast.query.transaction_settings import setting_of

__all__ = ("ScopeDeclaration", "provide_scope", "provide_settings")

ScopeDeclaration = Scope | Callable[..., Any]
"""A ``Scope``, or a dependency that returns criteria."""

Settings = Mapping[str, Callable[..., Any]]


def provide_scope(scope: ScopeDeclaration | None) -> Callable[..., Coroutine[Any, Any, RowScope]]:
    """Return the dependency that gives a request's scope.

    Args:
        scope: As it was declared; None for every row.
    """
    if scope is None:
        return _every_row
    if isinstance(scope, Scope):
        declared = scope

        async def provide_scope_of_value(value: Any) -> RowScope:
            return RowScope(declared.criteria(value))

        provide_scope_of_value.__annotations__["value"] = Annotated[Any, Depends(scope.value)]
        return provide_scope_of_value

    async def provide_scope_of_criteria(criteria: Any) -> RowScope:
        return RowScope(criteria)

    provide_scope_of_criteria.__annotations__["criteria"] = Annotated[Any, Depends(scope)]
    return provide_scope_of_criteria


async def _every_row() -> RowScope:
    return EVERY_ROW


def provide_settings(settings: Settings) -> Callable[..., Coroutine[Any, Any, dict[str, str]]]:
    """Return the dependency that gives the settings of a request's transaction.

    Args:
        settings: The dependency that gives the value of each.
    """
    names = list(settings)

    async def collect_settings(**values: Any) -> dict[str, str]:
        return {
            name: setting_of(name, values[f"value_{number}"]) for number, name in enumerate(names)
        }

    parameters = [
        Parameter(
            f"value_{number}",
            Parameter.KEYWORD_ONLY,
            annotation=Annotated[Any, Depends(dependency)],
        )
        for number, dependency in enumerate(settings.values())
    ]
    collect_settings.__dict__["__signature__"] = Signature(parameters)
    return collect_settings
