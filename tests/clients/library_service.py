"""A service of the library with everything that generated routes offer: what clients are tried on.

Authors are read page by page with all that can be asked of a list; books by cursor, with their
author and their tags; countries and tags by keys of text; and drafts are the authors of a tenant,
who sees no others, and changes none without an ETag.
"""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import MetaData

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig, problems
from tests.clients.library_routers import routers
from tests.library import Base

__all__ = ("library_service",)


def library_service(url: str, **options: Any) -> tuple[FastAPI, AdvancedAlchemy]:
    """Make the application on a database, whose tables it creates when it starts."""
    app = FastAPI(title="Library")
    problems.install(app)
    # A copy: the table of idempotency keys is added to it.
    tables = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(tables)
    config = SQLAlchemyAsyncConfig(connection_string=url, metadata=tables, create_all=True)
    alchemy = AdvancedAlchemy(config, app, **options)
    for router in routers(alchemy):
        app.include_router(router)
    return app, alchemy
