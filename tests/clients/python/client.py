"""What a client written in Python does with the service."""

import sys
from http import HTTPStatus

from library_client import Client
from library_client.api.drafts import (
    create_draft,
    delete_draft,
    get_draft,
    list_drafts,
    update_draft,
)
from library_client.models import CursorPageDraftRead, DraftCreate, DraftRead, DraftUpdate, Problem

TENANT = 3

with Client(base_url=sys.argv[1]) as client:
    for name in ("Ann", "Bob", "Cid", "Dan", "Eve"):
        created = create_draft.sync_detailed(
            client=client, body=DraftCreate(name=name, rating=3), x_tenant=TENANT
        )
        assert created.status_code == HTTPStatus.CREATED
        assert isinstance(created.parsed, DraftRead)
        assert created.headers["location"] == f"/drafts/{created.parsed.id}"

    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = list_drafts.sync(client=client, limit=2, sort="-name", x_tenant=TENANT, **cursor)
        assert isinstance(page, CursorPageDraftRead)
        assert page.total == 5
        names += [draft.name for draft in page.items]
        if page.next_cursor is None:
            break
        cursor = {"cursor": page.next_cursor}
    assert names == ["Eve", "Dan", "Cid", "Bob", "Ann"]

    key = page.items[-1].id
    read = get_draft.sync_detailed(key, client=client, x_tenant=TENANT)
    etag = read.headers["etag"]
    fresh = get_draft.sync_detailed(key, client=client, x_tenant=TENANT, if_none_match=etag)
    assert fresh.status_code == HTTPStatus.NOT_MODIFIED

    change = {"client": client, "body": DraftUpdate(rating=None), "x_tenant": TENANT}
    changed = update_draft.sync_detailed(key, **change, if_match=etag)
    assert changed.parsed == DraftRead(id=key, name="Ann", rating=None)
    stale = update_draft.sync_detailed(key, **change, if_match=etag)
    assert stale.status_code == HTTPStatus.PRECONDITION_FAILED
    assert isinstance(stale.parsed, Problem)
    assert stale.parsed.type_ == "urn:holdfast:problem:precondition-failed"

    current = changed.headers["etag"]
    deleted = delete_draft.sync_detailed(key, client=client, x_tenant=TENANT, if_match=current)
    assert (deleted.status_code, deleted.content) == (HTTPStatus.NO_CONTENT, b"")
    gone = get_draft.sync(key, client=client, x_tenant=TENANT)
    assert isinstance(gone, Problem)
    assert gone.status == HTTPStatus.NOT_FOUND
