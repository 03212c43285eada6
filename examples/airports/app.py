"""The airports of the world as a service.

Every 2xx it answers is already committed: the extension commits before the answer leaves.
"""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, status
from fastapi_offline import FastAPIOffline
from sqlalchemy import URL

from examples.airports.models import Airport, Country
from examples.airports.schemas import (
    AirportCreate,
    AirportRead,
    AirportUpdate,
    CountryCode,
    CountryCreate,
    CountryRead,
    IcaoCode,
)
from examples.airports.services import AirportService, CountryService
from holdfast import (
    AdvancedAlchemy,
    AsyncSessionConfig,
    SQLAlchemyAsyncConfig,
    SQLitePragmas,
    filters,
    service,
)

__all__ = ("DATABASE", "alchemy", "app")

DATABASE = Path(os.environ.get("AIRPORTS_DB") or ".data/airports.sqlite").absolute()

app = FastAPIOffline(title="Airports", redoc_url=None)
alchemy = AdvancedAlchemy(
    config=SQLAlchemyAsyncConfig(
        connection_string=str(URL.create("sqlite+aiosqlite", database=str(DATABASE))),
        sqlite_pragmas=SQLitePragmas(),
        session_config=AsyncSessionConfig(expire_on_commit=False),
        commit_mode="autocommit",
        create_all=True,
    ),
    app=app,
)

Airports = Annotated[AirportService, Depends(alchemy.provide_service(AirportService))]
Countries = Annotated[CountryService, Depends(alchemy.provide_service(CountryService))]
AirportFilters = Annotated[
    list[filters.FilterTypes],
    Depends(
        alchemy.provide_filters(
            {
                "pagination_type": "limit_offset",
                "search": ["icao", "iata", "name", "city"],
                "search_ignore_case": True,
                "search_escape_wildcards": True,
                "sort_field": ["icao", "name", "elevation", "latitude", "longitude"],
                "sort_order": "asc",
                "in_fields": ["country_code", "timezone"],
            }
        )
    ),
]
CountryFilters = Annotated[
    list[filters.FilterTypes],
    Depends(
        alchemy.provide_filters(
            {
                "pagination_type": "limit_offset",
                "search": ["code", "name"],
                "search_ignore_case": True,
                "search_escape_wildcards": True,
                "sort_field": ["code", "name"],
                "sort_order": "asc",
            }
        )
    ),
]
# Names and elevations repeat; only a unique last key keeps an airport from showing on two pages.
BY_ICAO = filters.OrderBy(field_name="icao", sort_order="asc")


async def find_airport(icao: IcaoCode, airports: Airports) -> Airport:
    """Return the airport that the path names, or answer 404."""
    airport = await airports.get_one_or_none(icao=icao)
    if airport is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"No airport has the ICAO code {icao}.")
    return airport


async def find_country(code: CountryCode, countries: Countries) -> Country:
    """Return the country that the path names, or answer 404."""
    country = await countries.get_one_or_none(code=code)
    if country is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"No country has the code {code}.")
    return country


FoundAirport = Annotated[Airport, Depends(find_airport)]
FoundCountry = Annotated[Country, Depends(find_country)]


@app.get("/airports")
async def list_airports(
    airports: Airports, filters: AirportFilters
) -> service.OffsetPagination[AirportRead]:
    """List airports: search them, filter them, sort them, page through them."""
    found, total = await airports.get_many_and_count(*filters, BY_ICAO)
    return airports.to_schema(found, total, filters=filters, schema_type=AirportRead)


@app.post("/airports", status_code=status.HTTP_201_CREATED)
async def create_airport(airports: Airports, data: AirportCreate) -> AirportRead:
    """Add an airport."""
    return airports.to_schema(await airports.create(data), schema_type=AirportRead)


@app.get("/airports/{icao}")
async def get_airport(airports: Airports, airport: FoundAirport) -> AirportRead:
    """Return one airport."""
    return airports.to_schema(airport, schema_type=AirportRead)


@app.patch("/airports/{icao}")
async def update_airport(
    airports: Airports, airport: FoundAirport, data: AirportUpdate
) -> AirportRead:
    """Change the fields that are sent."""
    updated = await airports.update(data, item_id=airport.id)
    return airports.to_schema(updated, schema_type=AirportRead)


@app.delete("/airports/{icao}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_airport(airports: Airports, airport: FoundAirport) -> None:
    """Delete an airport."""
    await airports.delete(airport.id)


@app.get("/countries")
async def list_countries(
    countries: Countries, filters: CountryFilters
) -> service.OffsetPagination[CountryRead]:
    """List countries."""
    found, total = await countries.get_many_and_count(*filters)
    return countries.to_schema(found, total, filters=filters, schema_type=CountryRead)


@app.post("/countries", status_code=status.HTTP_201_CREATED)
async def create_country(countries: Countries, data: CountryCreate) -> CountryRead:
    """Add a country."""
    return countries.to_schema(await countries.create(data), schema_type=CountryRead)


@app.get("/countries/{code}")
async def get_country(countries: Countries, country: FoundCountry) -> CountryRead:
    """Return one country."""
    return countries.to_schema(country, schema_type=CountryRead)


@app.get("/countries/{code}/airports")
async def list_airports_of_country(
    country: FoundCountry, airports: Airports, filters: AirportFilters
) -> service.OffsetPagination[AirportRead]:
    """List the airports of one country."""
    in_country = Airport.country_code == country.code
    found, total = await airports.get_many_and_count(in_country, *filters, BY_ICAO)
    return airports.to_schema(found, total, filters=filters, schema_type=AirportRead)


@app.delete("/countries/{code}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_country(countries: Countries, country: FoundCountry) -> None:
    """Delete a country; one that still has airports stays."""
    await countries.delete(country.code)
