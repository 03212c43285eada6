"""Two resources, and the routes that a person would write for them with public pieces alone."""

# ruff: noqa: N806 - the types of a resource are local to it here

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Response
from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast import (
    AdvancedAlchemy,
    Answers,
    CursorPage,
    Encoded,
    Precondition,
    ProblemRoute,
    Resource,
    ResourceOptions,
    Rows,
    Scope,
    repository,
    service,
)
from holdfast.crud.documents import MERGE_PATCH_BODY, documented_responses
from holdfast.crud.keys import Key
from holdfast.crud.operation import OperationName
from holdfast.crud.undeclared import refuse_undeclared
from holdfast.query.parameters import ListParameters
from tests.clients.library_schemas import DraftCreate, DraftRead, DraftUpdate
from tests.crud.library_api import AuthorService
from tests.library import Author

__all__ = (
    "AUTHORS",
    "SHELVES",
    "ShelfPut",
    "ShelfRead",
    "ShelfService",
    "authors_by_hand",
    "shelves_by_hand",
    "tenant",
)


class Local(DeclarativeBase):
    """Tables of this module alone."""


class Shelf(Local):
    """Where books stand: known by its code, and hidden rather than deleted."""

    __tablename__ = "by_hand_shelf"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    deleted_at: Mapped[datetime | None]


class ShelfService(service.SQLAlchemyAsyncRepositoryService[Shelf]):
    """Shelves."""

    class Repository(repository.SQLAlchemyAsyncRepository[Shelf]):
        model_type = Shelf
        id_attribute = "code"

    repository_type = Repository


class ShelfRead(BaseModel):
    """A shelf as it is answered."""

    code: str
    name: str


class ShelfPut(BaseModel):
    """A shelf as it is sent, under its code."""

    name: str


async def tenant(x_tenant: Annotated[int, Header()] = 1) -> int:
    """Return whose rows a request is about."""
    return x_tenant


AUTHORS: ResourceOptions = {
    "filters": {Author.name: ["eq", "icontains"], Author.rating: ["ge", "in"]},
    "search": [Author.name],
    "sort": [Author.name],
    "pagination": "cursor",
    "scope": Scope(tenant, Author.tenant_id),
    "require_if_match": True,
    "bulk": 10,
}
SHELVES: ResourceOptions = {
    "sort": [Shelf.name],
    "sparse": True,
    "bulk": 5,
    "soft_delete": Shelf.deleted_at,
}

Targets = list[tuple[OperationName, str]]


def authors_by_hand(alchemy: AdvancedAlchemy) -> APIRouter:
    """Write routes for authors: of a scope, by cursor, with versions and idempotency keys."""
    authors = Resource(
        alchemy.provide_service(AuthorService),
        read=DraftRead,
        create=DraftCreate,
        update=DraftUpdate,
        **AUTHORS,
    )
    router = APIRouter(
        prefix="/authors",
        tags=["authors"],
        route_class=ProblemRoute,
        dependencies=[Depends(refuse_undeclared)],
    )
    writes = [
        Depends(alchemy.options(retry=True, commit_mode="autocommit")),
        Depends(alchemy.idempotency(principal=tenant)),
    ]
    targets: Targets = [
        ("get", "get_author"),
        ("update", "update_author"),
        ("delete", "delete_author"),
    ]

    def responses(operation: OperationName) -> dict[int | str, dict[str, Any]]:
        return documented_responses(authors, operation, targets)

    AuthorRows = Annotated[Rows[Author], Depends(authors.rows)]
    AuthorAnswers = Annotated[Answers[DraftRead], Depends(authors.answers)]
    AuthorKey = Annotated[Key, Depends(authors.path_key)]
    IfMatch = Annotated[Precondition, Depends(authors.precondition)]
    Query = Annotated[ListParameters, Depends(authors.list_parameters)]

    @router.get("", operation_id="list_authors", responses=responses("list"))
    async def list_authors(
        rows: AuthorRows, answers: AuthorAnswers, query: Query
    ) -> Encoded[CursorPage[DraftRead]]:
        """List rows, page by page."""
        return answers.page(await rows.page(query), query)

    @router.post(
        "",
        status_code=201,
        operation_id="create_author",
        dependencies=writes,
        responses=responses("create"),
    )
    async def create_author(
        rows: AuthorRows, answers: AuthorAnswers, data: DraftCreate
    ) -> Encoded[DraftRead]:
        """Create a row; `Location` tells where it is."""
        return answers.created(await rows.create(data))

    @router.post(
        "/bulk",
        status_code=201,
        operation_id="create_authors",
        dependencies=writes,
        responses=responses("bulk_create"),
    )
    async def create_authors(
        rows: AuthorRows,
        answers: AuthorAnswers,
        data: Annotated[list[DraftCreate], Body(min_length=1, max_length=10)],
    ) -> Encoded[list[DraftRead]]:
        """Create rows: all of them, or none."""
        return answers.rows(await rows.create_many(data))

    @router.patch(
        "",
        operation_id="update_authors",
        dependencies=writes,
        responses=responses("bulk_update"),
    )
    async def update_authors(
        rows: AuthorRows,
        answers: AuthorAnswers,
        changes: Annotated[list[Any], Depends(authors.changes)],
    ) -> Encoded[list[DraftRead]]:
        """Change rows: all of them, or none."""
        return answers.rows(await rows.update_many(changes))

    @router.get(authors.path, operation_id="get_author", responses=responses("get"))
    async def get_author(
        rows: AuthorRows,
        answers: AuthorAnswers,
        key: AuthorKey,
        condition: Annotated[Precondition, Depends(authors.condition)],
    ) -> Encoded[DraftRead]:
        """Return one row."""
        return answers.row(await rows.get(key), condition=condition)

    @router.patch(
        authors.path,
        operation_id="update_author",
        dependencies=writes,
        responses=responses("update"),
        openapi_extra=MERGE_PATCH_BODY,
    )
    async def update_author(
        rows: AuthorRows, answers: AuthorAnswers, key: AuthorKey, data: DraftUpdate, given: IfMatch
    ) -> Encoded[DraftRead]:
        """Change the fields that are sent, and no others."""
        return answers.row(await rows.update(key, data, given))

    @router.delete(authors.path, status_code=204, operation_id="delete_author", dependencies=writes)
    async def delete_author(
        rows: AuthorRows, answers: AuthorAnswers, key: AuthorKey, given: IfMatch
    ) -> Response:
        """Delete one row."""
        await rows.delete(key, given)
        return answers.nothing()

    return router


def shelves_by_hand(alchemy: AdvancedAlchemy) -> APIRouter:
    """Write routes for shelves: by offset, of which clients choose fields, put by their codes."""
    shelves = Resource(
        alchemy.provide_service(ShelfService),
        read=ShelfRead,
        put=ShelfPut,
        **SHELVES,
    )
    router = APIRouter(
        prefix="/shelves",
        route_class=ProblemRoute,
        dependencies=[Depends(refuse_undeclared)],
    )
    writes = [Depends(alchemy.options(retry=True, commit_mode="autocommit", dry_run=True))]
    targets: Targets = [
        ("get", "get_shelf"),
        ("put", "put_shelf"),
        ("delete", "delete_shelf"),
        ("restore", "restore_shelf"),
    ]

    def documented(operation: OperationName) -> dict[int | str, dict[str, Any]]:
        return documented_responses(shelves, operation, targets)

    ShelfRows = Annotated[Rows[Shelf], Depends(shelves.rows)]
    ShelfAnswers = Annotated[Answers[ShelfRead], Depends(shelves.answers)]
    ShelfKey = Annotated[Key, Depends(shelves.path_key)]

    @router.get(
        "",
        operation_id="list_shelves",
        response_model=shelves.reading().shape.page,
        responses=documented("list"),
    )
    async def list_shelves(
        rows: ShelfRows,
        answers: ShelfAnswers,
        query: Annotated[ListParameters, Depends(shelves.list_parameters)],
    ) -> Response:
        """List rows, page by page."""
        return answers.page(await rows.page(query), query)

    @router.delete("", status_code=204, operation_id="delete_shelves", dependencies=writes)
    async def delete_shelves(
        rows: ShelfRows,
        answers: ShelfAnswers,
        keys: Annotated[list[Key], Depends(shelves.keys)],
    ) -> Response:
        """Delete rows: all of them, or none."""
        await rows.delete_many(keys)
        return answers.nothing()

    @router.get(
        shelves.path,
        operation_id="get_shelf",
        response_model=shelves.reading().shape.schema,
        responses=documented("get"),
    )
    async def get_shelf(
        rows: ShelfRows,
        answers: ShelfAnswers,
        key: ShelfKey,
        selection: Annotated[ListParameters | None, Depends(shelves.row_parameters)],
    ) -> Response:
        """Return one row."""
        return answers.row(await rows.get(key, selection), selection)

    @router.put(
        shelves.path,
        operation_id="put_shelf",
        dependencies=writes,
        response_model=shelves.reading().shape.schema,
        responses=documented("put"),
    )
    async def put_shelf(
        rows: ShelfRows,
        answers: ShelfAnswers,
        key: ShelfKey,
        data: ShelfPut,
        given: Annotated[Precondition, Depends(shelves.put_precondition)],
    ) -> Response:
        """Replace the row with this key, or create it."""
        return answers.put(*await rows.put(key, data, given))

    @router.delete(shelves.path, status_code=204, operation_id="delete_shelf", dependencies=writes)
    async def delete_shelf(
        rows: ShelfRows,
        answers: ShelfAnswers,
        key: ShelfKey,
        required: Annotated[Precondition, Depends(shelves.precondition)],
    ) -> Response:
        """Delete one row."""
        await rows.delete(key, required)
        return answers.nothing()

    @router.post(
        f"{shelves.path}/restore",
        operation_id="restore_shelf",
        dependencies=writes,
        response_model=shelves.reading().shape.schema,
        responses=documented("restore"),
    )
    async def restore_shelf(rows: ShelfRows, answers: ShelfAnswers, key: ShelfKey) -> Response:
        """Bring a deleted row back."""
        return answers.row(await rows.restore(key))

    return router
