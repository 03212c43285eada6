"""What the answers said was written, to be compared with what the database holds."""

from typing import Any

from tests.engines.database import Database

__all__ = ("Ledger",)

FIELDS = (
    "icao",
    "iata",
    "name",
    "city",
    "subdivision",
    "elevation",
    "latitude",
    "longitude",
    "timezone",
)
AIRPORTS = f"SELECT {', '.join(FIELDS)}, country_code FROM airport"
COUNTRIES = "SELECT code, name FROM country"

Row = tuple[Any, ...]


class Ledger:
    """Keeps the rows that should be there, by what was acknowledged alone.

    Args:
        database: Read on a connection of its own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._airports = {row[0]: row for row in database.query(AIRPORTS)}
        self._countries = {row[0]: row for row in database.query(COUNTRIES)}

    def put_airport(self, answer: dict[str, Any], *, instead_of: str | None = None) -> None:
        """Note an airport as a 2xx showed it.

        Args:
            answer: The body of the answer.
            instead_of: The code it had before.
        """
        if instead_of is not None:
            del self._airports[instead_of]
        assert answer["icao"] not in self._airports
        row = (*(answer[field] for field in FIELDS), answer["country"]["code"])
        self._airports[answer["icao"]] = row

    def remove_airport(self, icao: str) -> None:
        """Note that an airport was deleted, as a 204 said."""
        del self._airports[icao]

    def put_country(self, answer: dict[str, Any]) -> None:
        """Note a country as a 201 showed it."""
        assert answer["code"] not in self._countries
        self._countries[answer["code"]] = (answer["code"], answer["name"])

    def remove_country(self, code: str) -> None:
        """Note that a country was deleted, as a 204 said."""
        del self._countries[code]

    def check(self) -> None:
        """Fail unless each row that was acknowledged is there once, and no other."""
        for statement, expected in ((AIRPORTS, self._airports), (COUNTRIES, self._countries)):
            found = self._database.query(statement)
            assert sorted(map(repr, found)) == sorted(map(repr, expected.values()))
