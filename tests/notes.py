"""Notes of a run that its end shows, whichever of its processes has taken them."""

from typing import Protocol

import pytest

__all__ = ("Node", "Notes", "note", "notes_of", "send", "take_over")

Notes = dict[str, list[str]]  # by the title that they are shown under

NOTES = pytest.StashKey[Notes]()
SENT = "holdfast_notes"


class Node(Protocol):
    """What is known of a worker that has ended."""

    config: pytest.Config
    workeroutput: dict[str, Notes]


def notes_of(config: pytest.Config) -> Notes:
    """Return what this process knows."""
    return config.stash.setdefault(NOTES, {})


def note(config: pytest.Config, title: str, line: str) -> None:
    """Take a note, once however often it is told.

    Args:
        config: The run's.
        title: The section of the summary.
        line: What to say there.
    """
    lines = notes_of(config).setdefault(title, [])
    if line not in lines:
        lines.append(line)


def send(config: pytest.Config) -> None:
    """Hand the notes of a worker over to who started it, where there is one."""
    output: dict[str, Notes] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[SENT] = notes_of(config)


def take_over(node: Node) -> None:
    """Add the notes of a worker to those of who started it."""
    output: dict[str, Notes] = getattr(node, "workeroutput", {})  # none where it crashed
    for title, lines in output.get(SENT, {}).items():
        for line in lines:
            note(node.config, title, line)
