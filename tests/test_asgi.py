"""The raw ASGI server that the other tests rely on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests import asgi
from tests.asgi import Cancel


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json(), status_code=201, headers={"X-Method": request.method})


async def endless(request: Request) -> Response:
    async def numbers() -> AsyncIterator[bytes]:
        while True:
            yield b"1"
            await asyncio.sleep(0.001)

    return StreamingResponse(numbers())


async def broken(request: Request) -> Response:
    raise ValueError("broken")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        websocket.app.state.left = True


app = Starlette(
    routes=[
        Route("/echo", echo, methods=["POST"]),
        Route("/endless", endless),
        Route("/broken", broken),
        WebSocketRoute("/socket", socket),
    ]
)


async def test_a_response_is_recorded() -> None:
    """Status, headers and body are what the application sent."""
    recording = await asgi.request(app, "POST", "/echo", json={"a": 1})
    assert recording.status == 201
    assert recording.headers["x-method"] == "POST"
    assert recording.json == {"a": 1}
    assert recording.complete
    assert recording.error is None


async def test_an_error_is_recorded_beside_the_response() -> None:
    """What the application raises after its 500 is kept, not raised."""
    recording = await asgi.request(app, path="/broken")
    assert recording.status == 500
    assert isinstance(recording.error, ValueError)


async def test_a_body_arrives_in_the_chunks_it_was_given_in() -> None:
    """A list of bytes is sent as that many messages."""
    sizes: list[int] = []

    async def measure(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]

    await asgi.request(measure, "POST", body=[b"a", b"bc"])
    assert sizes == [1, 2]


async def test_the_hook_runs_before_the_start_counts_as_sent() -> None:
    """`on_start` sees the moment at which nothing has left yet, and is awaited."""
    seen: list[str] = []

    async def on_start(message: Message) -> None:
        await asyncio.sleep(0)
        seen.append("start")

    def on_message(message: Message) -> None:
        seen.append(message["type"])

    await asgi.request(app, "POST", "/echo", json=1, on_start=on_start, on_message=on_message)
    assert seen == ["start", "http.response.start", "http.response.body"]


async def test_native_cancellation_ends_the_task() -> None:
    """A task cancelled at the start gets no further than its start."""
    recording = await asgi.request(app, path="/endless", cancel=Cancel("native", "start"))
    assert recording.cancelled
    assert isinstance(recording.error, asyncio.CancelledError)
    assert recording.types == ["http.response.start"]


async def test_anyio_cancellation_ends_inside_its_scope() -> None:
    """A cancel scope swallows its own cancellation, so there is no error."""
    recording = await asgi.request(app, path="/endless", cancel=Cancel("anyio", "body"))
    assert recording.cancelled
    assert recording.error is None
    assert not recording.complete


@pytest.mark.parametrize("how", ["native", "anyio"])
async def test_a_handler_can_choose_the_moment_of_its_cancellation(how: str) -> None:
    """An event set by the handler cancels it where it waits next."""
    inside = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await asyncio.sleep(10)

    cancel = Cancel("native" if how == "native" else "anyio", inside)
    recording = await asgi.request(wait, cancel=cancel)
    assert recording.cancelled
    assert recording.messages == []


async def test_a_disconnected_client_is_noticed_by_receive() -> None:
    """An endless stream ends once the client has gone."""
    recording = await asgi.request(app, path="/endless", disconnect="body")
    assert not recording.complete
    assert recording.status == 200


async def test_a_newer_server_refuses_to_send_to_a_client_that_has_gone() -> None:
    """From ASGI 2.4 on `send` raises OSError, which ends the stream."""
    recording = await asgi.request(app, path="/endless", disconnect="start", spec_version="2.4")
    assert recording.types == ["http.response.start"]
    assert recording.error is not None


async def test_a_background_task_runs_before_the_call_is_over() -> None:
    """The recording is complete when the application's task is, not when its response is."""
    ran: list[bool] = []
    response = Response(background=BackgroundTask(ran.append, True))
    await asgi.request(response)
    assert ran == [True]


async def test_a_websocket_exchanges_messages_and_ends() -> None:
    """What the client sends is answered in order, and then it leaves."""
    recording = await asgi.websocket(app, "/socket", ["a", "b"])
    assert recording.types == ["websocket.accept", "websocket.send", "websocket.send"]
    assert recording.messages[-1]["text"] == "b"
    assert app.state.left


async def test_a_websocket_client_can_leave_while_it_is_waited_for() -> None:
    """An event among the incoming messages holds them back, but not the disconnect."""
    recording = await asgi.websocket(
        app, "/socket", ["a", asyncio.Event(), "b"], disconnect="start"
    )
    assert recording.types == ["websocket.accept"]
