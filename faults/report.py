"""The results as one table, in Markdown, and the page that holds it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from faults.fault import Cell

__all__ = ("PAGE", "summary", "table", "write")

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
_BEGIN, _END = "<!-- begin: make faults -->", "<!-- end: make faults -->"
_COUNTS = ("sent", "acknowledged", "present", "lost", "duplicated", "untrue", "out")
_HEAD = ("fault", "wiring", "driver", *_COUNTS, "answers", "durability")


def table(cells: Sequence[Cell]) -> str:
    """Return a row for each run."""
    return _lines(_HEAD, map(_row, cells))


def summary(cells: Sequence[Cell]) -> str:
    """Return a row for each wiring, over all faults that the promise covers."""
    covered = [cell for cell in cells if not cell.fault.is_limit]
    names = dict.fromkeys(cell.wiring.name for cell in covered)
    rows = ([cell for cell in covered if cell.wiring.name == name] for name in names)
    return _lines(("all faults but the limit", "runs", *_COUNTS), map(_total, rows))


def write(text: str) -> None:
    """Put a text between the markers of the page."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(cell: Cell) -> tuple[str, ...]:
    return (
        cell.fault.title,
        cell.wiring.name,
        cell.backend,
        *_counts(cell),
        ", ".join(f"{count}x {answer}" for answer, count in cell.counts.most_common()),
        cell.durability,
    )


def _total(cells: Sequence[Cell]) -> tuple[str, ...]:
    return (cells[0].wiring.name, str(len(cells)), *_counts(*cells))


def _counts(*cells: Cell) -> Iterator[str]:
    for count in (
        sum(len(cell.answers) for cell in cells),
        sum(len(cell.acknowledged) for cell in cells),
        sum(len(cell.names) for cell in cells),
    ):
        yield f"{count:,}"
    for failing in ("lost", "duplicated", "untrue", "out"):
        found = [getattr(cell, failing) for cell in cells]
        known = [count for count in found if count is not None]
        yield (f"**{sum(known)}**" if sum(known) else "0") if known else "-"
