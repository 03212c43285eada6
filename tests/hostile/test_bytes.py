"""Bytes that no well-behaved client sends, through a real server."""

from collections.abc import AsyncGenerator
from types import ModuleType

import httpx2
import pytest

from tests.hostile.ledger import Ledger
from tests.hostile.promises import check_answer
from tests.hostile.wire import Answer, Parser, Wire, chunked, head, served

pytestmark = pytest.mark.parametrize(
    ("async_database", "wire"), [("aiosqlite", "h11"), ("asyncpg", "httptools")], indirect=True
)

MEGABYTE = 1024 * 1024
JSON = b"Content-Type: application/json"
VALID = (
    b'{"icao": "XAAA", "name": "Third Field", "elevation": 900, "latitude": 49.6,'
    b' "longitude": 6.1, "country_code": "LU"}'
)

BODIES = {
    "nothing": b"",
    "invalid UTF-8": b'{"icao": "\xff\xfe"}',
    "overlong UTF-8": b'{"icao": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"icao": "\xed\xa0\x80"}',
    "UTF-16": VALID.decode().encode("utf-16").replace(b"X", b"\xff"),
    "NUL bytes": b"\0" * 100,
    "no end": VALID[:-1],
    "two values": VALID + VALID,
    "a comment": b"// " + VALID,
    "100,000 arrays": b"[" * 100_000,
    "100,000 arrays, closed": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a long number": b'{"elevation": ' + b"9" * 100_000 + b"}",
    "a megabyte of text": VALID.replace(b"Third", b"x" * (MEGABYTE - 200)),
    "a megabyte of blanks": VALID.replace(b"Third Field", b" " * (MEGABYTE - 200)),
    "a megabyte of a name": b'{"' + b"x" * (MEGABYTE - 10) + b'": 1}',
    "20,000 names": b"{" + b",".join(b'"%x":1' % n for n in range(20_000)) + b"}",
    "one name 100,000 times": b"{" + b",".join([b'"name":1'] * 100_000) + b"}",
    "an array of 100,000": b"[" + b",".join([b"1"] * 100_000) + b"]",
}

TYPES = (
    b"",
    b"text/plain",
    b"application/xml",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    b"multipart/form-data; boundary=x",
    b"application/octet-stream",
    b"application/json;charset=nope",
    b"application/vnd.api+json",
    b"application/json, application/json",
    b"*/*",
    b"\xff\xfe",
    b"application/" + b"x" * 5000,
)

TARGETS = (
    b"/airports?searchString=%ff%fe",
    b"/airports?searchString=%ed%a0%80",
    b"/airports?searchString=%00",
    b"/airports?%ff=%ff&&&==&",
    b"/airports?searchString=" + b"x" * 30_000,
    b"/airports?" + b"&".join([b"countryCodeIn=LU"] * 2_000),
    b"/airports/%ff%fe%00",
    b"/airports/" + b"%00" * 1_000,
    b"/countries/L%55/airports?pageSize=100",
    b"//airports",
    b"/./airports/../airports",
    b"/airports#ELLX",
)


@pytest.fixture
async def wire(
    request: pytest.FixtureRequest, http: httpx2.AsyncClient, service: ModuleType
) -> AsyncGenerator[Wire]:
    """Give a connection to the example, behind one of uvicorn's parsers."""
    parser: Parser = request.param
    async with served(service.app, parser) as port, Wire(port) as wire:
        yield wire


def check(answer: Answer) -> None:
    check_answer(answer.status, answer.headers, answer.body)


async def check_usable(wire: Wire, ledger: Ledger) -> None:
    """Fail unless the next request on the connection is answered, and nothing was stored."""
    answer = await wire.exchange(head("GET", b"/airports/ELLX"))
    assert answer.status == 200, answer.body[:200]
    assert b'"icao":"ELLX"' in answer.body
    ledger.check()


async def test_bodies(wire: Wire, ledger: Ledger) -> None:
    """A body that is no airport is a problem, and the connection it came on goes on working."""
    for name, body in BODIES.items():
        for method, target in (("POST", b"/airports"), ("PATCH", b"/airports/ELLX")):
            length = b"Content-Length: %d" % len(body)
            answer = await wire.exchange(head(method, target, JSON, length), body)
            assert answer.status in {400, 422}, name
            check(answer)
            parts = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
            answer = await wire.exchange(
                head(method, target, JSON, b"Transfer-Encoding: chunked"), chunked(parts)
            )
            assert answer.status in {400, 422}, name
            check(answer)
    await check_usable(wire, ledger)
    assert wire.opened == 1


async def test_content_types(wire: Wire, ledger: Ledger) -> None:
    """A body that does not say it is JSON is not taken for it."""
    length = b"Content-Length: %d" % len(VALID)
    for kind in TYPES:
        target = b"/countries" if b"json" in kind else b"/airports"
        answer = await wire.exchange(head("POST", target, b"Content-Type: " + kind, length), VALID)
        assert answer.status == 422, kind
        check(answer)
    await check_usable(wire, ledger)
    assert wire.opened == 1


async def test_targets(wire: Wire, ledger: Ledger) -> None:
    """Whatever the bytes of a target decode to, the answer is a page or a problem."""
    for target in TARGETS:
        check(await wire.exchange(head("GET", target)))
        await check_usable(wire, ledger)
    assert wire.opened == 1


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    "target", ["POST /airports", "PATCH /airports/ELLX", "DELETE /airports/ELLX"]
)
async def test_a_body_of_50_megabytes(
    wire: Wire, ledger: Ledger, *, declared: bool, target: str
) -> None:
    """A body far too large is refused, has no effect, and the connection goes on working.

    A handler that takes no body never reads one: there only its declared length can be refused.
    """
    parts = (b" " * 65_536 for _ in range(50 * 16))
    length = b"Content-Length: %d" % (50 * MEGABYTE)
    framing = length if declared else b"Transfer-Encoding: chunked"
    body = parts if declared else chunked(parts)
    method, path = target.split()
    answer = await wire.exchange(head(method, path.encode(), JSON, framing), body)
    check(answer)
    if method == "DELETE" and not declared:
        assert answer.status == 204
        ledger.remove_airport("ELLX")
        ledger.check()
        return
    assert answer.status == 413
    await check_usable(wire, ledger)
