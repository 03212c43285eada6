"""The airports of the world as a service.

Every 2xx it answers is already committed: the extension commits before the answer leaves.
"""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, status
from fastapi_offline import FastAPIOffline
from sqlalchemy import URL
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from examples.airports.models import Airport, Country
from examples.airports.schemas import (
    AirportCreate,
    AirportRead,
    AirportUpdate,
    CountryCode,
    CountryCreate,
    CountryRead,
    CountryUpdate,
    IcaoCode,
)
from examples.airports.services import AirportService, CountryService
from holdfast import (
    AdvancedAlchemy,
    AsyncSessionConfig,
    CRUDRouter,
    SQLAlchemyAsyncConfig,
    SQLitePragmas,
    filters,
    problems,
    service,
)

__all__ = ("DATABASE", "alchemy", "app")

DATABASE = Path(os.environ.get("AIRPORTS_DB") or ".data/airports.sqlite").absolute()
# Any other database, such as postgresql+asyncpg://..., for whoever serves `app` themselves.
DATABASE_URL = os.environ.get("AIRPORTS_URL") or str(
    URL.create("sqlite+aiosqlite", database=str(DATABASE))
)

app = FastAPIOffline(title="Airports", redoc_url=None)
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=1024 * 1024)
problems.install(app)
alchemy = AdvancedAlchemy(
    config=SQLAlchemyAsyncConfig(
        connection_string=DATABASE_URL,
        sqlite_pragmas=SQLitePragmas(),
        session_config=AsyncSessionConfig(expire_on_commit=False),
        commit_mode="autocommit",
        create_all=True,
    ),
    app=app,
)

Airports = Annotated[AirportService, Depends(alchemy.provide_service(AirportService))]
provide_countries = alchemy.provide_service(CountryService)
Countries = Annotated[CountryService, Depends(provide_countries)]
AirportFilters = Annotated[
    list[filters.FilterTypes],
    Depends(
        alchemy.provide_filters(
            {
                "pagination_type": "limit_offset",
                "search": ["icao", "iata", "name", "city"],
                "search_ignore_case": True,
                "sort_field": ["icao", "name", "elevation", "latitude", "longitude"],
                "sort_order": "asc",
                "in_fields": ["country_code", "timezone"],
            }
        )
    ),
]
# Generated: what countries need is what every table needs. Airports are written by hand below.
countries = CRUDRouter(
    provide_countries,
    read=CountryRead,
    create=CountryCreate,
    update=CountryUpdate,
    prefix="/countries",
    search=[Country.code, Country.name],
    sort=[Country.code, Country.name],
    pagination="cursor",
)


@app.get("/airports")
async def list_airports(
    airports: Airports, filters: AirportFilters
) -> service.OffsetPagination[AirportRead]:
    """List airports: search them, filter them, sort them, page through them."""
    found, total = await airports.get_many_and_count(*filters)
    return airports.to_schema(found, total, filters=filters, schema_type=AirportRead)


@app.post("/airports", status_code=status.HTTP_201_CREATED)
async def create_airport(airports: Airports, data: AirportCreate) -> AirportRead:
    """Add an airport."""
    return airports.to_schema(await airports.create(data), schema_type=AirportRead)


@app.get("/airports/{icao}")
async def get_airport(airports: Airports, icao: IcaoCode) -> AirportRead:
    """Return one airport."""
    return airports.to_schema(await airports.get_one(icao=icao), schema_type=AirportRead)


@app.patch("/airports/{icao}")
async def update_airport(airports: Airports, icao: IcaoCode, data: AirportUpdate) -> AirportRead:
    """Change the fields that are sent."""
    updated = await airports.update(data, item_id=icao, id_attribute="icao")
    return airports.to_schema(updated, schema_type=AirportRead)


@app.delete("/airports/{icao}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_airport(airports: Airports, icao: IcaoCode) -> None:
    """Delete an airport."""
    await airports.delete(icao, id_attribute="icao")


@countries.get("/{code}/airports")
async def list_airports_of_country(
    countries: Countries, code: CountryCode, airports: Airports, filters: AirportFilters
) -> service.OffsetPagination[AirportRead]:
    """List the airports of one country."""
    country = await countries.get(code)
    in_country = Airport.country_code == country.code
    found, total = await airports.get_many_and_count(in_country, *filters)
    return airports.to_schema(found, total, filters=filters, schema_type=AirportRead)


app.include_router(countries)
