"""What a request's session may do before, and what it may no longer do after the start."""

import time
from typing import Any, NoReturn

from sqlalchemy.orm import ORMExecuteState

from holdfast.errors import OutsideBoundaryError, ResponseStartedError
from holdfast.transaction import metrics
from holdfast.transaction.progress import Phase, Progress, current_progress
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
        progress: Where the request stands; None for a session of one's own, which may do anything.

        statement_timeout: Seconds that a statement of a session of one's own may run.

    Attributes:
        within: Where the request stands that a session of one's own was opened in, if in any.
    """

    def __init__(
        self,
        unit: AnyUnit,
        progress: Progress | None = None,
        statement_timeout: float | None = None,
    ) -> None:
        self.unit = unit
        self.progress = progress
        self.within = progress or current_progress.get()
        self._statement_timeout = statement_timeout
        self._reading = 0
        self._asked: float | None = None

    @property
    def statement_timeout(self) -> float | None:
        """Seconds that one statement may run; None for no bound."""
        progress = self.progress
        return self._statement_timeout if progress is None else progress.statement_timeout

    def admit(self) -> bool:
        """Tell whether the session is still free to do anything.

        Raises:
            OutsideBoundaryError: The request is over.
        """
        if self.progress is None:
            return True
        self.progress.wait_for_turn()
        if not self.unit.connections:
            self._asked = time.perf_counter()
        if self.progress.phase is Phase.ENDED:
            raise OutsideBoundaryError("any more: its request has ended")
        return self.progress.phase is not Phase.SERVED

    def check_commit(self) -> None:
        """Refuse a commit of the handler's own where the request must not commit."""
        progress = self.progress
        if progress is not None and progress.phase is Phase.OPEN and progress.check_commit:
            progress.check_commit(self.unit.sync_session)

    def note_commit(self) -> None:
        """Note that the session's transaction has committed."""
        self.unit.commits += 1
        self.unit.due += self.unit.hooks
        self.unit.hooks.clear()
        if self.within is not None:
            self.within.note_commit()

    def refuse(self, what: str) -> NoReturn:
        """Refuse something, naming the remedy."""
        raise ResponseStartedError(what)

    def check_connection(self) -> None:
        """Refuse a connection that would be taken for anything but a read, and note the wait."""
        if self._asked is not None:
            metrics.connection_taken(time.perf_counter() - self._asked, self.unit.key)
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
