"""What a client written in Python does with the example."""

import sys
from http import HTTPStatus

from airports_client import Client
from airports_client.api.default import (
    create_country,
    delete_country,
    get_country,
    list_countries,
    update_country,
)
from airports_client.models import CountryCreate, CountryRead, CountryUpdate, Problem

CODES = ["XA", "XB", "XC", "XD", "XE"]

with Client(base_url=sys.argv[1]) as client:
    for code in CODES:
        created = create_country.sync_detailed(
            client=client, body=CountryCreate(code=code, name=f"Island {code}")
        )
        assert created.status_code == HTTPStatus.CREATED
        assert created.parsed == CountryRead(code=code, name=f"Island {code}")
        assert created.headers["location"] == f"/countries/{code}"

    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = list_countries.sync(client=client, q="island x", limit=2, sort="-name", **cursor)
        assert not isinstance(page, Problem)
        assert page.total == len(CODES)
        found += [country.code for country in page.items]
        if page.next_cursor is None:
            break
        cursor = {"cursor": page.next_cursor}
    assert found == CODES[::-1]

    read = get_country.sync_detailed("XA", client=client)
    etag = read.headers["etag"]
    fresh = get_country.sync_detailed("XA", client=client, if_none_match=etag)
    assert fresh.status_code == HTTPStatus.NOT_MODIFIED

    change = {"client": client, "body": CountryUpdate(name="Atlantis")}
    changed = update_country.sync_detailed("XA", **change, if_match=etag)
    assert changed.parsed == CountryRead(code="XA", name="Atlantis")
    stale = update_country.sync_detailed("XA", **change, if_match=etag)
    assert stale.status_code == HTTPStatus.PRECONDITION_FAILED
    assert isinstance(stale.parsed, Problem)
    assert stale.parsed.type_ == "urn:holdfast:problem:precondition-failed"

    current = changed.headers["etag"]
    deleted = delete_country.sync_detailed("XA", client=client, if_match=current)
    assert (deleted.status_code, deleted.content) == (HTTPStatus.NO_CONTENT, b"")
    gone = get_country.sync("XA", client=client)
    assert isinstance(gone, Problem)
    assert gone.status == HTTPStatus.NOT_FOUND
