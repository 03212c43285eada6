"""A real server, one connection: the next request and the next reader find what they should."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse

from tests.transaction.rig import Rig, on_session, until
from tests.transaction.store import Item

pytestmark = pytest.mark.parametrize(
    "store", ["aiosqlite", "asyncpg", "psycopg-sync", "asyncmy"], indirect=True
)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[int]:
    """Serve an application on a free port, without its lifespan: the engine is the module's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


def serve(rig: Rig) -> None:
    """Give the application a route that writes what the path says."""

    @rig.app.post("/{name}", status_code=201)
    async def write(
        name: str, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> dict[str, str]:
        parent = 999 if name == "orphan" else None
        item = Item(name=name, parent_id=parent)
        await on_session(session, lambda one: one.add(item))
        return {"name": name}


async def test_the_next_request_on_the_connection_works(rig: Rig) -> None:
    """An error of the database, in flush or in COMMIT, does not close the client's connection."""
    serve(rig)
    limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
    async with (
        served(rig.app) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits) as http,
    ):
        opened: list[Any] = []
        statuses: list[int] = []
        for name in ("one", "taken", "two", "orphan", "three"):
            response = await http.post(f"/{name}")
            statuses.append(response.status_code)
            opened.append(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert statuses == [201, 409, 201, 409, 201]
    assert len(set(opened)) == 1
    assert rig.store.names == {"one", "two", "three"}


async def test_the_first_byte_of_a_201_finds_the_row(rig: Rig) -> None:
    """Twenty writers: at the first byte each reads its row on another connection."""
    serve(rig)
    async with served(rig.app) as port:
        for number in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"POST /n{number} HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n".encode()
            )
            first = await reader.readexactly(12)
            assert first == b"HTTP/1.1 201"
            assert f"n{number}" in rig.store.names
            writer.close()
            await writer.wait_closed()


async def test_a_slow_reader_holds_no_connection(rig: Rig) -> None:
    """While a client takes its time over a stream, the pool is whole and the row is there."""
    released = asyncio.Event()

    @rig.app.post("/stream")
    async def stream(
        session: Annotated[Any, Depends(rig.alchemy.provide_session())],
    ) -> StreamingResponse:
        await on_session(session, lambda one: one.add(Item(name="new")))

        async def parts() -> AsyncGenerator[str]:
            yield "first"
            await released.wait()
            yield "last"

        return StreamingResponse(parts())

    async with (
        served(rig.app) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        http.stream("POST", "/stream") as response,
    ):
        received = response.aiter_text()
        assert await anext(received) == "first"
        assert rig.store.checked_out == 0
        assert rig.store.names == {"new"}
        released.set()
        assert [part async for part in received] == ["last"]


async def test_a_client_that_hangs_up_does_not_undo_its_request(rig: Rig) -> None:
    """Under uvicorn the handler runs to its end, and its status commits."""
    working = asyncio.Event()

    @rig.app.post("/", status_code=201)
    async def write(session: Annotated[Any, Depends(rig.alchemy.provide_session())]) -> None:
        working.set()
        await asyncio.sleep(0.05)
        await on_session(session, lambda one: one.add(Item(name="new")))

    async with served(rig.app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n")
        await working.wait()
        writer.transport.abort()
        await until(lambda: rig.store.names)
    assert rig.store.checked_out == 0
