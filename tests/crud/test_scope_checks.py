"""What does not fit about a scope is told where the router is built, with the remedy."""

import re
import warnings
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import NullPool, String, UniqueConstraint
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import (
    PUBLIC,
    AdvancedAlchemy,
    CRUDRouter,
    Operation,
    Scope,
    SQLAlchemyAsyncConfig,
    repository,
    service,
)
from holdfast.errors import ConfigurationError
from tests.crud.tenants import (
    BY_CRITERIA,
    BY_VALUE,
    Shelf,
    Topic,
    Work,
    WorkService,
    WorkWrite,
    Writer,
    WriterService,
    tenant,
    writers_router,
)


@pytest.fixture(scope="module")
def alchemy() -> AdvancedAlchemy:
    """Give an extension on a database that nothing is asked of."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
    config = SQLAlchemyAsyncConfig(engine_instance=engine, metadata=Shelf.metadata)
    return AdvancedAlchemy(config, FastAPI())


reads: dict[str, Any] = {"create": None, "update": None, "put": None, "bulk": 1}


def test_a_scope_is_about_the_routers_own_model(alchemy: AdvancedAlchemy) -> None:
    """A scope of other models would let every row pass."""
    with pytest.raises(ConfigurationError, match=re.escape("`Scope(..., Writer.tenant_id)`")):
        writers_router(alchemy, Scope(tenant, Work.tenant_id, Topic.tenant_id), **reads)


def test_a_model_that_is_read_is_named_as_well(alchemy: AdvancedAlchemy) -> None:
    """What a nested schema, a filter, or the schema of one operation reads has to be divided."""
    own = Scope(tenant, Writer.tenant_id)
    provider = alchemy.provide_service(WriterService)

    class Short(BaseModel):
        id: int

    class Title(BaseModel):
        title: str

    class WithWorks(BaseModel):
        works: list[Title]

    CRUDRouter(provider, read=Short, scope=own)
    told = re.escape("Work, which the routes of Writer read, has a column tenant_id")
    with pytest.raises(ConfigurationError, match=told) as raised:
        CRUDRouter(provider, read=WithWorks, scope=own)
    assert str(raised.value).endswith("`Scope(..., Work.tenant_id)`.")
    filters: Any = {(Writer.works, Work.title): ["eq"]}
    with pytest.raises(ConfigurationError, match=told):
        CRUDRouter(provider, read=Short, scope=own, filters=filters)
    with pytest.raises(ConfigurationError, match=told):
        CRUDRouter(provider, read=Short, scope=own, operations={"get": Operation(read=WithWorks)})


def test_a_model_that_is_referred_to_is_named_as_well(alchemy: AdvancedAlchemy) -> None:
    """Else a write could name another tenant's row as its foreign key."""

    class Short(BaseModel):
        id: int

    told = "Writer, which the routes of Work refer to, has a column tenant_id"
    with pytest.raises(ConfigurationError, match=told):
        CRUDRouter(
            alchemy.provide_service(WorkService),
            read=Short,
            create=WorkWrite,
            scope=Scope(tenant, Work.tenant_id),
        )


class Flat(DeclarativeBase):
    """Tables of these tests alone."""


class Account(Flat):
    """What is unique without its tenant."""

    __tablename__ = "scope_account"
    __table_args__ = (UniqueConstraint("tenant_id", "label"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[int]
    email: Mapped[str] = mapped_column(String(50), unique=True)
    label: Mapped[str] = mapped_column(String(50))


class AccountService(service.SQLAlchemyAsyncRepositoryService[Account]):
    """Accounts."""

    class Repository(repository.SQLAlchemyAsyncRepository[Account]):
        model_type = Account

    repository_type = Repository


class AccountCreate(BaseModel):
    """A new account."""

    email: str
    label: str


class AccountLabel(BaseModel):
    """What of an account may change."""

    label: str = ""


def test_a_unique_constraint_without_the_scopes_column_gives_a_warning(
    alchemy: AdvancedAlchemy,
) -> None:
    """Its 409 tells that somebody has the value; one that clients do not write tells nothing."""
    provider, scope = alchemy.provide_service(AccountService), Scope(tenant, Account.tenant_id)
    with pytest.warns(UserWarning, match="email of Account is unique without tenant_id") as warned:
        CRUDRouter(provider, read=AccountLabel, create=AccountCreate, scope=scope)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert str(warned[0].message).endswith("Add tenant_id to the constraint.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CRUDRouter(provider, read=AccountLabel, update=AccountLabel, scope=scope)


def test_put_by_a_key_that_can_be_guessed_gives_a_warning(alchemy: AdvancedAlchemy) -> None:
    """A number that is taken is a 404 and a free one a 201; nobody guesses a UUID."""
    with pytest.warns(UserWarning, match="PUT creates a Writer under any id") as warned:
        writers_router(alchemy, BY_VALUE)
    assert "`key=` with columns that are unique together with tenant_id" in str(warned[0].message)

    class Whole(BaseModel):
        email: str
        label: str

    with pytest.warns(UserWarning, match="email of Account") as warned:
        CRUDRouter(
            alchemy.provide_service(AccountService),
            read=AccountLabel,
            put=Whole,
            scope=Scope(tenant, Account.tenant_id),
        )
    assert len(warned) == 1


def test_no_estimate_within_a_scope(alchemy: AdvancedAlchemy) -> None:
    """The planner's number is of everybody's rows."""
    with pytest.raises(ConfigurationError, match="Leave 'estimated' out of `totals`"):
        writers_router(alchemy, BY_VALUE, totals=["exact", "estimated"], **reads)


def test_kept_answers_are_not_public_within_a_scope(alchemy: AdvancedAlchemy) -> None:
    """With `PUBLIC` a key of another tenant's would be answered with that tenant's row."""
    with pytest.raises(ConfigurationError, match="Name the dependency that tells callers apart"):
        writers_router(alchemy, BY_VALUE, put=None, principal=PUBLIC)


def test_a_natural_key_needs_a_scope_that_fixes_a_value(alchemy: AdvancedAlchemy) -> None:
    """A slug is unique for a tenant; that criteria fix the tenant is known too late."""
    with pytest.raises(ConfigurationError, match="alone or with the column of a `Scope`"):
        writers_router(alchemy, BY_CRITERIA, key=Writer.slug)
