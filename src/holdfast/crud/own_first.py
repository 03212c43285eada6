"""The routes of a router whose own routes win over generated ones."""

from typing import Any

from starlette.routing import BaseRoute
from typing_extensions import override

__all__ = ("OwnFirst",)


class OwnFirst(list[BaseRoute]):
    """Routes in the order in which they match: those added later before the generated ones.

    So ``/search`` is found before ``/{id}``, and a route with the path and the methods of a
    generated one takes its place.

    Args:
        generated: The generated routes.
    """

    def __init__(self, generated: list[BaseRoute]) -> None:
        super().__init__(generated)
        self._generated = list(generated)

    @override
    def append(self, route: BaseRoute, /) -> None:
        for replaced in [other for other in self._generated if _replaces(route, other)]:
            self._generated.remove(replaced)
            self.remove(replaced)
        self.insert(len(self) - len(self._generated), route)


def _replaces(route: Any, generated: Any) -> bool:
    methods: set[str] = getattr(route, "methods", None) or set()
    return route_shape(route) == route_shape(generated) and generated.methods <= methods


def route_shape(route: Any) -> str:
    """Return a route's path without the names of its parameters."""
    path = str(getattr(route, "path_format", ""))
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
