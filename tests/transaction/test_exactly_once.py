"""A client that repeats until it gets a definite answer makes one change, whatever is broken."""

import asyncio
import time
from collections.abc import Generator
from dataclasses import dataclass

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.engines.database import Database
from tests.recording import Recording
from tests.transaction.orders import BEFORE_COMMIT, IN_COMMIT, KILLS, Fault, Shop, opened

PATIENCE = 15.0

faults = st.sampled_from(IN_COMMIT) | st.sampled_from(BEFORE_COMMIT)


def is_replayed(recording: Recording) -> bool:
    """Whether it is an answer that was stored."""
    return recording.headers.get("idempotency-replayed") == "true"


@dataclass(eq=False)
class Operation:
    """What a client wants done once.

    Attributes:
        name: Of its order, and its key.
        answer: The success that the client was given.
        in_doubt: Whether an outcome was unknown, so that the order may be there without an answer.
    """

    name: str
    answer: bytes | None = None
    in_doubt: bool = False

    def learn(self, recording: Recording) -> None:
        """Take an answer, and check what it says of those before."""
        assert recording.error is None, recording.error
        if recording.status == 201:
            if self.answer is None:
                assert self.in_doubt or not is_replayed(recording), "nobody was given the first"
                self.answer = recording.body
            assert recording.body == self.answer
            return
        assert recording.headers["retry-after"] == "1", recording.body
        if recording.json.get("committed") == "unknown":
            assert recording.status == 500
            self.in_doubt = True
        else:
            assert recording.status in {409, 503}, recording.body


class Client(RuleBasedStateMachine):
    """Clients that repeat their requests while everything below them breaks.

    Args:
        runner: Runs the service and the proxy, which stand still between two steps.
        shop: The service.
    """

    operations = Bundle[Operation]("operations")

    def __init__(self, runner: asyncio.Runner, shop: Shop) -> None:
        super().__init__()
        self.runner = runner
        self.shop = shop
        self.sent: list[Operation] = []
        self.killed = False

    @rule(target=operations, fault=faults)
    def send(self, fault: Fault) -> Operation:
        """Send something for the first time."""
        return self._send(fault)

    @rule(operation=operations, fault=st.none() | faults)
    def repeat(self, operation: Operation, fault: Fault | None) -> None:
        """Send something again, whatever was the answer."""
        self.post([operation], fault)

    @rule(together=st.lists(operations, min_size=2, max_size=4), fault=faults)
    def send_together(self, together: list[Operation], fault: Fault | None) -> None:
        """Send the same, or several things, again at once."""
        self.post(together, fault)

    @rule()
    def reset(self) -> None:
        """Cut connections that nobody uses."""
        self.shop.proxy.reset()

    @precondition(lambda client: not client.killed)
    @rule(target=operations, kill=st.sampled_from(KILLS))
    def send_and_kill(self, kill: Fault) -> Operation:
        """Kill the server below a request; once, since it takes long."""
        self.killed = True
        return self._send(kill)

    def _send(self, fault: Fault) -> Operation:
        operation = Operation(f"order {len(self.sent)}")
        self.sent.append(operation)
        self.post([operation], fault)
        return operation

    def post(self, operations: list[Operation], fault: Fault | None) -> None:
        """Send all at once, and take what comes back."""
        names = [operation.name for operation in operations]
        recordings = self.runner.run(self.shop.post(names, fault))
        # Of the same ones at once, the one that was executed is the first.
        answers = sorted(
            zip(operations, recordings, strict=True), key=lambda answer: is_replayed(answer[1])
        )
        for operation, recording in answers:
            operation.learn(recording)

    @invariant()
    def the_truth_agrees_with_the_answers(self) -> None:
        """A success is there once; what says that nothing was changed has left nothing."""
        found = self.shop.orders()
        for operation in self.sent:
            count = found.get(operation.name, 0)
            if operation.answer is not None:
                assert count == 1, f"{operation.name} was acknowledged, and is there {count} times"
            elif operation.in_doubt:
                assert count <= 1, f"{operation.name} is there {count} times"
            else:
                assert count == 0, f"{operation.name} is there, and its client was told otherwise"

    def teardown(self) -> None:
        """Repeat everything until its answer is definite: then it is there once, and stays so."""
        self.runner.run(self.shop.calm())
        deadline = time.monotonic() + PATIENCE
        while pending := [one for one in self.sent if one.answer is None]:
            assert time.monotonic() < deadline, f"no definite answer for {pending}"
            for operation in pending:
                self.post([operation], None)
        for operation in self.sent:
            self.post([operation], None)
        self.the_truth_agrees_with_the_answers()
        while self.shop.checked_out:
            assert time.monotonic() < deadline, "a connection is left out"
            self.runner.run(asyncio.sleep(0.02))
        self.shop.empty()


@pytest.fixture
def runner() -> Generator[asyncio.Runner]:
    """Give a loop that lasts for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize(
    ("async_server_database", "examples"),
    [("asyncpg", 8), ("psycopg", 4), ("asyncmy", 4)],
    indirect=["async_server_database"],
)
def test_repeating_until_the_answer_is_definite_makes_one_change(
    async_server_database: Database, examples: int, runner: asyncio.Runner
) -> None:
    """Each operation ends with one row and one answer, given again byte for byte.

    Lost replies and requests, cut and mute connections, ended backends, a killed server and
    concurrent changes strike before the key is taken, after reads, after writes and in COMMIT.
    """
    opening = opened(async_server_database)
    shop = runner.run(opening.__aenter__())
    try:
        run_state_machine_as_test(
            lambda: Client(runner, shop),  # type: ignore[arg-type]  # a factory does as well
            settings=settings(
                max_examples=examples,
                stateful_step_count=12,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                print_blob=False,
            ),
        )
    finally:
        runner.run(opening.__aexit__(None, None, None))
