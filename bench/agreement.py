"""What makes the numbers comparable: the same answers, and every row that was created."""

import http.client
import json
import time
from itertools import islice
from typing import Any

from bench.databases import count_authors
from bench.operations import OPERATIONS, Operation, Request
from bench.workers import Worker

__all__ = ("check_agreement",)

_PATIENCE = 5.0
# Made by the side itself, at its own time.
_OWN = ("id", "created_at", "updated_at")


def check_agreement(workers: list[Worker]) -> None:
    """Compare the answers of all servers, and look for the rows they say they created.

    Raises:
        RuntimeError: Two answers differ, a list is empty, or a row is not there.
    """
    for operation in OPERATIONS:
        for request in islice(operation.requests(), 5):
            answers = {worker.side.name: _ask(worker, operation, request) for worker in workers}
            first, *others = answers.values()
            if any(answer != first for answer in others):
                raise RuntimeError(f"{request.target} is answered differently: {answers}")
            if first.get("items") == []:
                raise RuntimeError(f"{request.target} lists nothing, so it measures nothing.")


def _ask(worker: Worker, operation: Operation, request: Request) -> dict[str, Any]:
    before = count_authors(worker.url)
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=10)
    headers = {"content-type": "application/json"} if request.body else {}
    connection.request(request.method, request.target, request.body or None, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != operation.status:
        raise RuntimeError(f"{worker.side.name}: {request.target}: {response.status} {body!r}")
    answer: dict[str, Any] = json.loads(body)
    if operation.writes:
        _await_row(worker, before + 1)
        answer = {name: value for name, value in answer.items() if name not in _OWN}
    return answer


def _await_row(worker: Worker, number: int) -> None:
    """Wait for the row, because upstream commits after its answer."""
    deadline = time.monotonic() + _PATIENCE
    while count_authors(worker.url) < number:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{worker.side.name} answered 201 and kept no row.")
        time.sleep(0.01)
