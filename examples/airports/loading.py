"""Loads the airports and their countries into the database, all in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import airportsdata
import pycountry
from sqlalchemy import delete, insert, text

from examples.airports.models import Airport, Country
from examples.airports.storage import DATA_VERSION
from holdfast import AdvancedAlchemy

__all__ = ("load", "read_airports", "read_countries")

Row = dict[str, Any]

BATCH = 500
# Rows with NULLs in different columns otherwise become a statement for each combination.
ONE_STATEMENT = {"render_nulls": True}

# Codes in use for airports that ISO 3166-1 does not list.
UNLISTED_COUNTRIES = {"XK": "Kosovo"}


def read_airports(limit: int | None = None) -> list[Row]:
    """Return the airports as rows of ``Airport``.

    Args:
        limit: The first so many only; all of them when left out.

    Returns:
        One row for each ICAO code. What the source leaves empty is ``None``.
    """
    return [
        {
            "icao": airport["icao"],
            "iata": airport["iata"] or None,
            "name": airport["name"].strip(),
            "city": airport["city"] or None,
            "subdivision": airport["subd"] or None,
            "elevation": airport["elevation"],
            "latitude": airport["lat"],
            "longitude": airport["lon"],
            "timezone": airport["tz"] or None,
            "country_code": airport["country"],
        }
        for airport in islice(airportsdata.load().values(), limit)
    ]


def read_countries(airports: Sequence[Row]) -> list[Row]:
    """Return the countries of some airports as rows of ``Country``.

    Args:
        airports: Rows of ``Airport``.

    Returns:
        Every country of ISO 3166-1 by its everyday name, and every other one an airport is in.
    """
    names = {
        country.alpha_2: str(getattr(country, "common_name", country.name))
        for country in pycountry.countries
    }
    for code in {airport["country_code"] for airport in airports} - names.keys():
        names[code] = UNLISTED_COUNTRIES.get(code, f"Unlisted country {code}")
    return [{"code": code, "name": name} for code, name in sorted(names.items())]


async def load(
    alchemy: AdvancedAlchemy,
    airports: Sequence[Row],
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Fill the tables, once: completely, or not at all.

    Args:
        alchemy: Whose database to fill.
        airports: Rows of ``Airport``; their countries are loaded with them.
        progress: Called with the number of airports of each batch that is in.
    """
    async with alchemy.transaction() as session:
        # Takes the write lock at once: of two loads, the second waits and finds the work done.
        await session.execute(text("BEGIN IMMEDIATE"))
        if await session.scalar(text("PRAGMA user_version")) == DATA_VERSION:
            return
        connection = await session.connection()
        await connection.run_sync(Airport.metadata.create_all)
        await session.execute(delete(Airport))
        await session.execute(delete(Country))
        await session.execute(insert(Country), read_countries(airports))
        for batch in _batches(airports):
            await session.execute(insert(Airport), batch, execution_options=ONE_STATEMENT)
            progress(len(batch))
        await session.execute(text(f"PRAGMA user_version = {DATA_VERSION}"))


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
