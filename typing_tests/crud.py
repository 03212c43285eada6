"""What type checkers infer of resources and routers. Checked, never run."""

from typing import Any, assert_type

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Mapped
from typing_extensions import TypedDict

from holdfast import (
    AdvancedAlchemy,
    Answers,
    CRUDRouter,
    Encoded,
    Resource,
    Rows,
    Scope,
    SQLAlchemyAsyncConfig,
    base,
    repository,
    service,
)
from holdfast.crud.listing import Listed


class Author(base.BigIntBase):
    """Somebody who writes."""

    name: Mapped[str]
    tenant_id: Mapped[int]


class AuthorService(service.SQLAlchemyAsyncRepositoryService[Author]):
    """Authors."""

    class Repository(repository.SQLAlchemyAsyncRepository[Author]):
        """Authors."""

        model_type = Author

    repository_type = Repository


class SyncAuthorService(service.SQLAlchemySyncRepositoryService[Author]):
    """Authors, without await."""

    class Repository(repository.SQLAlchemySyncRepository[Author]):
        """Authors."""

        model_type = Author

    repository_type = Repository


class AuthorRead(BaseModel):
    """As it is answered."""

    id: int
    name: str


class AuthorCreate(BaseModel):
    """As it is sent."""

    name: str


class AuthorUpdate(TypedDict, total=False):
    """What changes."""

    name: str


def tenant() -> int:
    """Return the caller's tenant."""
    return 1


alchemy = AdvancedAlchemy(SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://"))

complete = CRUDRouter(
    alchemy.provide_service(AuthorService),
    read=AuthorRead,
    create=AuthorCreate,
    update=AuthorUpdate,
    prefix="/authors",
    filters={Author.name: ["eq", "contains"], Author.id: ["in"]},
    sort=[Author.name, Author.id],
    scope=Scope(tenant, Author.tenant_id),
)
assert_type(complete, CRUDRouter[Author, AuthorRead, AuthorCreate, AuthorUpdate, None])
assert_type(complete.resource, Resource[Author, AuthorRead, AuthorCreate, AuthorUpdate, None])
assert_type(complete.resource.model, type[Author])
router: APIRouter = complete

reading = CRUDRouter(alchemy.provide_service(SyncAuthorService), read=AuthorRead)
assert_type(reading, CRUDRouter[Author, AuthorRead, None, None, None])

CRUDRouter(
    alchemy.provide_service(AuthorService),
    read=AuthorRead,
    filters={Author.name: ["equals"]},  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
)
CRUDRouter(
    alchemy.provide_service(AuthorService),
    read=AuthorRead,
    page_sise=10,  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
)


async def by_hand(rows: Rows[Author], query: Any) -> None:
    """Use what routes use."""
    assert_type(await rows.get((1,)), Author)
    assert_type(await rows.page(query), Listed[Author])
    assert_type(await rows.create(AuthorCreate(name="Ann")), Author)
    assert_type(await rows.put((1,), AuthorCreate(name="Ann")), tuple[Author, bool])
    assert_type(await rows.create_many([AuthorCreate(name="Ann")]), list[Author])


async def answered(rows: Rows[Author], answers: Answers[AuthorRead]) -> Encoded[AuthorRead]:
    """Answer by hand."""
    author = await rows.get((1,))
    assert_type(answers.rows([author]), Encoded[list[AuthorRead]])
    assert_type(answers.put(author, created=True), Encoded[AuthorRead])
    return answers.row(author)
