"""What writes ask of a service."""

from functools import wraps
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from holdfast.query.services import flush, model_of, overrides, session_of
from tests.library import Author, Base, Country
from tests.query.writers import service_class


@pytest.mark.parametrize("is_async", [True, False])
def test_upstreams_own_methods_are_no_overrides(*, is_async: bool) -> None:
    """A subclass overrides what it defines, an instance what is set on it."""
    plain = service_class(Author, {}, is_async=is_async)
    assert not overrides(plain, "create", "update", "to_model", "to_model_on_create", "nothing")

    @wraps(plain.update)
    def update(*args: Any, **options: Any) -> Any:
        return plain.update(*args, **options)

    own = service_class(Author, {"update": update}, is_async=is_async)
    assert overrides(own, "create", "update")
    assert not overrides(own, "create")
    assert model_of(own) is Author


def test_an_instance_may_have_methods_of_its_own() -> None:
    """What is set on one service is found there."""
    with Session(create_engine("sqlite://")) as session:
        service = service_class(Author, {}, is_async=False)(session=session)
        assert not overrides(service, "update")
        service.update = print
        assert overrides(service, "update")
        assert model_of(service) is Author


async def test_the_session_is_found_in_every_kind_of_service() -> None:
    """Async, sync and scoped sessions lead to the sync one."""
    engine = create_engine("sqlite://")
    async_engine = create_async_engine("sqlite+aiosqlite://")
    async_scoped = async_scoped_session(async_sessionmaker(async_engine), scopefunc=lambda: 1)
    sync_scoped = scoped_session(sessionmaker(engine))
    async_service = service_class(Author, {}, is_async=True)
    sync_service = service_class(Author, {}, is_async=False)
    async with AsyncSession(async_engine) as session:
        assert session_of(async_service(session=session)) is session.sync_session
    assert session_of(async_service(session=async_scoped)) is async_scoped().sync_session
    with Session(engine) as plain:
        assert session_of(sync_service(session=plain)) is plain
    assert session_of(sync_service(session=sync_scoped)) is sync_scoped()
    await async_scoped.remove()
    sync_scoped.remove()
    await async_engine.dispose()


def test_a_flush_raises_what_the_service_would() -> None:
    """The database's error is wrapped as upstream wraps it, or not where it was told so."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    for wrapped in (True, False):
        with Session(engine) as session:
            cls = service_class(Country, {}, is_async=False)
            service = cls(session=session, wrap_exceptions=wrapped)
            session.add(Country(code="de", name=None))
            with pytest.raises(Exception) as error:  # noqa: PT011 - the class is the point
                flush(service)
            found = error.value.__cause__ if wrapped else error.value
            assert isinstance(found, IntegrityError)
    engine.dispose()
