"""The routes of a router whose own routes win over generated ones."""

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute
from typing_extensions import override

from holdfast.wiring.openapi import contexts_of

__all__ = ("OwnFirst",)


class OwnFirst(list[BaseRoute]):
    """Routes in the order in which they match: those added later before the generated ones.

    So ``/search`` is found before ``/{id}``, and a route with the path and the methods of a
    generated one takes its place. So do the routes of a router that is included.

    Args:
        generated: The generated routes.
    """

    def __init__(self, generated: list[BaseRoute]) -> None:
        super().__init__(generated)
        self._generated = list(generated)

    @override
    def append(self, route: BaseRoute, /) -> None:
        own = list(contexts_of([route]))
        for generated in self._left():
            if any(_replaces(each, generated) for each in own):
                self.remove(generated)
        left = self._left()
        self.insert(self.index(left[0]) if left else len(self), route)

    @override
    def extend(self, routes: Iterable[BaseRoute], /) -> None:
        for route in routes:
            self.append(route)

    def _left(self) -> list[BaseRoute]:
        return [route for route in self if any(route is other for other in self._generated)]


def _replaces(route: Any, generated: Any) -> bool:
    methods: set[str] = getattr(route, "methods", None) or set()
    return _shape(route) == _shape(generated) and generated.methods <= methods


def _shape(route: Any) -> str:
    """Return a route's path without the names of its parameters."""
    return re.sub(r"{[^}]*}", "{}", str(getattr(route, "path_format", "")))
