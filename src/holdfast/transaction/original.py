"""A request as it arrived, so that it can be handed to the application once more."""

from starlette.types import Message, Receive, Scope

__all__ = ("Original",)

_MOST_BODY = 1024 * 1024


class Original:
    """Keeps a request's scope, and its body while that is read.

    Args:
        scope: The scope, not touched by the application yet.
        receive: Where the body comes from.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._copy = dict(scope)
        state = scope.get("state")
        self._state = dict(state) if state else None
        self._receive = receive
        self._messages: list[Message] = []
        self._size = 0
        self.complete = False

    async def receive(self) -> Message:
        """Pass the next message on, and keep it."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if self.can_repeat:
                self._messages.append(message)
            else:
                self._messages.clear()
        return message

    @property
    def can_repeat(self) -> bool:
        """Whether the body is small enough to be kept: up to 1 MiB."""
        return self._size <= _MOST_BODY

    @property
    def body(self) -> bytes:
        """The body as far as it was read, where it can be repeated."""
        return b"".join(message.get("body", b"") for message in self._messages)

    def again(self) -> tuple[Scope, Receive]:
        """Return scope and body as they arrived, for another attempt."""
        scope = dict(self._copy)
        if "state" in scope:
            scope["state"] = dict(self._state or {})
        kept = [*self._messages]

        async def receive() -> Message:
            return kept.pop(0) if kept else await self.receive()

        return scope, receive

    def hand_back(self, scope: Scope) -> None:
        """Show the last attempt's scope to whoever called: tracing and logging read it."""
        if scope is self._scope:
            return
        outer_state = self._copy.get("state")
        if outer_state is not None:
            outer_state.clear()
            outer_state.update(scope["state"])
            scope["state"] = outer_state
        self._scope.clear()
        self._scope.update(scope)
