"""The server's side of the lifespan protocol."""

import asyncio
from typing import Any, Literal, Self

from starlette.types import ASGIApp, Message

__all__ = ("Lifespan",)


class Lifespan:
    """Runs an application's lifespan around an `async with` block.

    It runs in a task of its own, as under a server, so that what is opened at start-up is closed
    in the task that opened it.

    Args:
        app: The application.

    Attributes:
        state: What the lifespan handed over for each request's `request.state`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await self._pass("startup")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pass("shutdown")
        await self._task

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        finally:
            self._from_app.put_nowait(None)

    async def _pass(self, phase: Literal["startup", "shutdown"]) -> None:
        self._to_app.put_nowait({"type": f"lifespan.{phase}"})
        try:
            answer = await self._from_app.get()
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if answer is not None and answer["type"] == f"lifespan.{phase}.complete":
            return
        # The exception behind a failure says more than the message about it.
        await self._task
        reason = "it ended early" if answer is None else answer.get("message") or "no reason given"
        raise RuntimeError(f"The application's lifespan failed at {phase}: {reason}.")
