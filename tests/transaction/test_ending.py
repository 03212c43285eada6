"""Options that decide how a transaction ends: who commits it, and whether anybody does."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from holdfast import after_commit
from holdfast.errors import ConfigurationError
from tests.transaction.rig import Rig, on_session, opened
from tests.transaction.store import Item, Store

DRY = {"prefer": 'respond-async, tx="rollback"; x=1'}


def serve(rig: Rig, name: str = "new", parent: int | None = None, **options: Any) -> None:
    """Give the application a route that adds a row."""

    @rig.app.post("/", status_code=201, dependencies=[Depends(rig.alchemy.options(**options))])
    async def write(
        request: Request, session: Annotated[Any, Depends(rig.alchemy.provide_session())]
    ) -> str:
        def add(one: Session) -> None:
            one.add(Item(name=name, parent_id=parent))
            one.flush()

        after_commit(session, lambda: rig.happened.append("hook"))
        await on_session(session, add)
        return name


@pytest.mark.parametrize("options", [{"commit_mode": "manual"}], ids=str)
async def test_a_route_may_commit_where_its_database_does_not(
    async_store: Store, options: dict[str, Any]
) -> None:
    """`commit_mode` of a route wins over that of the config."""
    with opened(async_store, **options) as rig:
        serve(rig, commit_mode="autocommit")
        recording = await rig.call()
        assert recording.status == 201
        assert "new" in rig.found_at_start


async def test_an_unknown_commit_mode_is_refused(rig: Rig) -> None:
    """A mode that does not exist fails where it is written."""
    with pytest.raises(ConfigurationError, match="commit_mode"):
        rig.alchemy.options(commit_mode="sometimes")  # type: ignore[arg-type]


async def test_a_dry_run_changes_nothing(rig: Rig) -> None:
    """It is answered as if it were done, says so, is rolled back, and runs no hook."""
    serve(rig, dry_run=True)
    recording = await rig.call(headers=DRY)
    assert recording.status == 201
    assert recording.headers["preference-applied"] == "tx=rollback"
    assert rig.store.names == set()
    assert "hook" not in rig.happened
    rig.assert_clean(recording)
    recording = await rig.call()
    assert "preference-applied" not in recording.headers
    assert rig.store.names == {"new"}


async def test_a_dry_run_fails_as_the_real_one_would(rig: Rig) -> None:
    """A constraint that does not hold is a 409, also where it would be checked at COMMIT."""
    serve(rig, parent=99, dry_run=True)
    real = await rig.call()
    dry = await rig.call(headers=DRY)
    if rig.store.database.backend in {"aiosqlite", "pysqlite"}:
        # SQLite checks what was deferred at COMMIT alone.
        assert (real.status, dry.status) == (409, 201)
    else:
        assert (real.status, dry.status) == (409, 409)
    assert rig.store.names == set()


async def test_a_dry_run_is_offered_where_it_is_declared(rig: Rig) -> None:
    """Elsewhere the preference is ignored, as RFC 7240 has it."""
    serve(rig)
    recording = await rig.call(headers=DRY)
    assert "preference-applied" not in recording.headers
    assert rig.store.names == {"new"}


async def test_a_dry_run_takes_no_key(async_rig: Rig) -> None:
    """With an idempotency key it is a 400: there would be nothing to keep."""
    serve(async_rig, dry_run=True)
    recording = await async_rig.call(headers={**DRY, "idempotency-key": "k"})
    assert recording.status == 400
    assert b"idempotency-key-of-dry-run" in recording.body


async def test_a_dry_run_is_documented(rig: Rig) -> None:
    """The header is in the document of the routes that honour it."""
    serve(rig, dry_run=True)
    operation = rig.app.openapi()["paths"]["/"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["prefer"]
    assert "400" in operation["responses"]
