"""Who may do what: dependencies of a router, and of single operations."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, Header, HTTPException

from holdfast import Operation
from holdfast.testing import count_statements
from tests.crud.library_api import Library
from tests.crud.test_router import authors

JSON = "application/problem+json"


def caller(x_user: Annotated[str | None, Header()] = None) -> str:
    """Tell who sends a request."""
    if x_user is None:
        raise HTTPException(401, "Say who you are", {"www-authenticate": "Bearer"})
    return x_user


def admin(user: Annotated[str, Depends(caller)]) -> None:
    """Let administrators pass."""
    if user != "admin":
        raise HTTPException(403, "Administrators only")


EVERY: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/authors", None),
    ("GET", "/authors/1", None),
    ("POST", "/authors", {"name": "Ann"}),
    ("PATCH", "/authors/1", {"name": "Ann"}),
    ("PUT", "/authors/1", {"name": "Ann"}),
    ("DELETE", "/authors/1", None),
    ("POST", "/authors/bulk", [{"name": "Ann"}]),
    ("PATCH", "/authors", [{"id": 1, "changes": {"name": "Ann"}}]),
    ("DELETE", "/authors?id=1", None),
    ("DELETE", "/authors/not-a-number", None),
    ("GET", "/authors?nmae=Ann", None),
)


@pytest.mark.parametrize("scoped", [False, True])
async def test_a_routers_dependency_comes_before_everything(
    sqlite_library: Library, *, scoped: bool
) -> None:
    """Whoever it refuses learns nothing else, and nothing is read: 401 with its headers."""
    app, alchemy = sqlite_library.app()
    options: dict[str, Any] = {"scope": (lambda: ())} if scoped else {}
    app.include_router(authors(alchemy, dependencies=[Depends(caller)], **options))
    async with sqlite_library.client(app) as http:
        with count_statements(sqlite_library.engine) as statements:
            for method, path, body in EVERY:
                sent = {} if body is None else {"json": body}
                refused = await http.request(method, path, **sent)
                assert refused.status_code == 401, (method, path)
                assert refused.headers["www-authenticate"] == "Bearer"
                assert refused.headers["content-type"] == JSON
                assert refused.json()["detail"] == "Say who you are"
        assert statements == []


async def test_an_operations_dependency_is_its_own(library: Library) -> None:
    """Only administrators delete: others are refused before anything is read."""
    app, alchemy = library.app()
    only = Operation(dependencies=[Depends(admin)])
    app.include_router(authors(alchemy, operations={"delete": only, "bulk_delete": only}))
    async with library.client(app) as http:
        made = await http.post("/authors", json={"name": "Ann"})
        path = made.headers["location"]
        with count_statements(library.engine) as statements:
            for method in (path, f"/authors?id={made.json()['id']}"):
                nobody = await http.delete(method)
                user = await http.delete(method, headers={"x-user": "ann"})
                assert (nobody.status_code, user.status_code) == (401, 403)
                assert user.headers["content-type"] == JSON
        assert statements == []
        assert (await http.get(path)).status_code == 200
        deleted = await http.delete(path, headers={"x-user": "admin"})
        assert deleted.status_code == 204


async def test_a_kept_answer_is_for_who_may_have_it(library: Library) -> None:
    """A key is looked up only once the operation's dependency has let its sender pass."""
    app, alchemy = library.app()
    allowed = {"ann"}

    def member(user: Annotated[str, Depends(caller)]) -> None:
        if user not in allowed:
            raise HTTPException(403)

    operations = {"create": Operation(dependencies=[Depends(member)])}
    app.include_router(authors(alchemy, principal=caller, operations=operations))
    async with library.engine.begin() as connection:
        await connection.run_sync(alchemy.get_config().metadata.create_all)  # type: ignore[union-attr]
    headers = {"x-user": "ann", "idempotency-key": "one"}
    async with library.client(app) as http:
        first = await http.post("/authors", json={"name": "Ann"}, headers=headers)
        again = await http.post("/authors", json={"name": "Ann"}, headers=headers)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert library.query("SELECT COUNT(*) FROM library_author") == [(1,)]
        allowed.clear()
        with count_statements(library.engine) as statements:
            refused = await http.post("/authors", json={"name": "Ann"}, headers=headers)
        assert (refused.status_code, statements) == (403, [])


async def test_a_dry_run_changes_nothing(library: Library) -> None:
    """With `Prefer: tx=rollback` a write is answered as ever, and undone."""
    app, alchemy = library.app()
    app.include_router(authors(alchemy, dry_run=True))
    prefer = {"prefer": "tx=rollback"}
    async with library.client(app) as http:
        tried = await http.post("/authors", json={"name": "Ann"}, headers=prefer)
        assert tried.status_code == 201
        assert tried.headers["preference-applied"] == "tx=rollback"
        assert library.query("SELECT COUNT(*) FROM library_author") == [(0,)]
        path = (await http.post("/authors", json={"name": "Ann"})).headers["location"]
        for method, target, body in (
            ("PATCH", path, {"name": "Eve"}),
            ("PUT", path, {"name": "Eve"}),
            ("POST", "/authors/bulk", [{"name": "Eve"}]),
            ("DELETE", path, None),
        ):
            sent: dict[str, Any] = {} if body is None else {"json": body}
            tried = await http.request(method, target, headers=prefer, **sent)
            assert tried.is_success, tried.text
        assert library.query("SELECT name FROM library_author") == [("Ann",)]
