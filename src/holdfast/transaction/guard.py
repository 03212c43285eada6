"""What a request's session may do before, and what it may no longer do after the start."""

from typing import Any, NoReturn

from sqlalchemy.orm import ORMExecuteState

from holdfast.errors import OutsideBoundaryError, ResponseStartedError
from holdfast.transaction.progress import Phase, Progress
from holdfast.transaction.read_only import begin_read_only
from holdfast.transaction.statements import Effect, effect_of
from holdfast.transaction.unit import AnyUnit

__all__ = ("Guard",)


class Guard:
    """Stands between a session's users and its connection.

    Until the response starts everything passes. From then on reads run in short read-only
    transactions, each of which gives its connection back, and everything else is refused.

    Args:
        unit: The session's unit.
        progress: Where the request stands; None outside requests, where everything passes.
    """

    def __init__(self, unit: AnyUnit, progress: Progress | None = None) -> None:
        self.unit = unit
        self.progress = progress
        self._reading = 0

    def admit(self) -> bool:
        """Tell whether the session is still free to do anything.

        Raises:
            OutsideBoundaryError: The request is over.
        """
        if self.progress is None:
            return True
        self.progress.wait_for_turn()
        if self.progress.phase is Phase.ENDED:
            raise OutsideBoundaryError("any more: its request has ended")
        return self.progress.phase is not Phase.SERVED

    def refuse(self, what: str) -> NoReturn:
        """Refuse something, naming the remedy."""
        raise ResponseStartedError(what)

    def check_connection(self) -> None:
        """Refuse a connection that would be taken for anything but a read."""
        if not self.admit() and not self._reading:
            self.refuse("a connection")

    def read(self, state: ORMExecuteState) -> Any:
        """Run a read in a transaction of its own and give the connection back.

        Loads that a read sets off run inside its transaction.
        """
        if effect_of(state.statement) is not Effect.READS:
            self.refuse("a write")
        if state.execution_options.get("stream_results"):
            self.refuse("a server-side cursor")
        if self._reading:
            return state.invoke_statement()
        self._reading += 1
        session = state.session
        try:
            restore = begin_read_only(state)
            try:
                result = state.invoke_statement().freeze()()
            finally:
                restore()
            # COMMIT rather than ROLLBACK, which would expire every object of the session.
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            self._reading -= 1
        return result
