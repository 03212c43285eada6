"""A router over a sync service: the same routes, and its SQL runs in the thread pool."""

import threading
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from holdfast import (
    AdvancedAlchemy,
    CRUDRouter,
    SQLAlchemySyncConfig,
    repository,
    service,
)
from holdfast.testing import client
from tests.crud.library_api import AuthorCreate, AuthorRead, AuthorUpdate
from tests.library import ENGINES, Author, Base, engine_for


class SyncAuthorService(service.SQLAlchemySyncRepositoryService[Author]):
    """Authors, without await."""

    class Repository(repository.SQLAlchemySyncRepository[Author]):
        model_type = Author

    repository_type = Repository


@pytest.mark.parametrize("engine_name", ENGINES)
async def test_every_operation_of_a_sync_service(
    engine_name: str, request: pytest.FixtureRequest
) -> None:
    """A row is created, listed, changed, replaced and deleted, off the event loop's thread."""
    with engine_for(engine_name, request) as engine:
        Base.metadata.create_all(engine)
        threads: set[int] = set()

        @event.listens_for(engine, "before_cursor_execute")
        def note(*_: Any) -> None:
            threads.add(threading.get_ident())

        app = FastAPI()
        alchemy = AdvancedAlchemy(
            SQLAlchemySyncConfig(engine_instance=engine, metadata=Base.metadata), app
        )
        app.include_router(
            CRUDRouter(
                alchemy.provide_service(SyncAuthorService),
                read=AuthorRead,
                create=AuthorCreate,
                update=AuthorUpdate,
                put=AuthorCreate,
                prefix="/authors",
                bulk=5,
            )
        )
        async with client(app, lifespan=False) as http:
            created = await http.post("/authors", json={"name": "Ann"})
            assert created.status_code == 201, created.text
            path = created.headers["location"]
            assert (await http.get("/authors")).json()["total"] == 1
            assert (await http.patch(path, json={"rating": 3})).json()["rating"] == 3
            assert (await http.put(path, json={"name": "Bob"})).json()["name"] == "Bob"
            assert (await http.post("/authors/bulk", json=[{"name": "Cid"}])).status_code == 201
            assert (await http.delete(path)).status_code == 204
            assert (await http.get(path)).status_code == 404
        assert threading.get_ident() not in threads
