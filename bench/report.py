"""The results as one table, in Markdown so that a page can hold it as it is."""

from collections.abc import Mapping
from statistics import median
from typing import Literal

from bench.rounds import Cell
from bench.workers import SIDES, Mode

__all__ = ("TARGETS", "label", "table")

TARGETS = {"upstream": 2.0, "bare": 0.9}
"""What Holdfast's requests a second have to be, as a multiple of a side's."""

_DRIVERS = {"postgresql": "asyncpg {asyncpg}", "sqlite": "sqlite3 {sqlite}"}
_Key = tuple[str, str, str, Mode]


def label(side: str, engine: str, versions: Mapping[str, str]) -> str:
    """Return a side's name with what it runs on."""
    shown = next(known.shown for known in SIDES if known.name == side)
    driver = _DRIVERS[engine].format_map(versions)
    return shown.format_map({**versions, "driver": driver})


def table(
    cells: list[Cell], versions: Mapping[str, Mapping[str, str]], engines: Mapping[str, str]
) -> str:
    """Return the table.

    Args:
        cells: What was measured.
        versions: What each side ran on.
        engines: The version of each engine.
    """
    found: dict[_Key, Cell] = {
        (cell.engine, cell.operation, cell.side, cell.mode): cell for cell in cells
    }
    ours = label("holdfast", cells[0].engine, versions["holdfast"])
    measured = ("requests/s", "CPU µs, served", "CPU µs, alone")
    ratios = (f"{ours} ÷ this: requests/s", "CPU, served", "CPU, alone", "target")
    rows: list[tuple[str, ...]] = [("engine", "operation", "side", *measured, *ratios)]
    for engine, operation in dict.fromkeys(key[:2] for key in found):
        for side in (known.name for known in SIDES if known.name in versions):
            shown = label(side, engine, versions[side])
            figures = _figures(found, engine, operation, side)
            rows.append((f"{engine} {engines[engine]}", operation, shown, *figures))
    return _aligned(rows)


def _figures(found: Mapping[_Key, Cell], engine: str, operation: str, side: str) -> tuple[str, ...]:
    def values(of: str, mode: Mode, name: Literal["rate", "cpu"]) -> list[float]:
        cell = found.get((engine, operation, of, mode))
        return [] if cell is None else cell.rate if name == "rate" else cell.cpu

    measured = (
        _spread(values(side, "serve", "rate"), 0),
        _spread(values(side, "serve", "cpu"), 0),
        _spread(values(side, "direct", "cpu"), 0),
    )
    if side == "holdfast":
        return (*measured, "", "", "", "")
    rate = _pairs(values("holdfast", "serve", "rate"), values(side, "serve", "rate"))
    # The less CPU, the faster: the other way round.
    served = _pairs(values(side, "serve", "cpu"), values("holdfast", "serve", "cpu"))
    alone = _pairs(values(side, "direct", "cpu"), values("holdfast", "direct", "cpu"))
    return (*measured, _spread(rate, 2), _spread(served, 2), _spread(alone, 2), _met(side, rate))


def _pairs(above: list[float], below: list[float]) -> list[float]:
    """Divide round by round: what follows at once meets the same conditions."""
    if not above or not below:
        return []
    return [one / other for one, other in zip(above, below, strict=True)]


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return ""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _met(side: str, ratios: list[float]) -> str:
    if side not in TARGETS or not ratios:
        return ""
    return f"{TARGETS[side]:.1f} {'met' if median(ratios) >= TARGETS[side] else 'MISSED'}"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )
