"""The rows of a resource as one request may see and change them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from advanced_alchemy.base import ModelProtocol
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session
from starlette.concurrency import run_in_threadpool

from holdfast.crud.change import row_changes
from holdfast.crud.keys import Key
from holdfast.crud.listing import Listed
from holdfast.query.all_or_nothing import Explain
from holdfast.query.bulk_delete import RowKey, delete_rows
from holdfast.query.delete import delete_row, restore_row
from holdfast.query.lookup import find
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.scope import RowScope

if TYPE_CHECKING:
    from holdfast.crud.resource import Resource

__all__ = ("Rows",)

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=ModelProtocol)


class Rows(Generic[ModelT]):
    """What a generated route, or one written by hand, works on.

    A dependency gives it: ``Annotated[Rows[Author], Depends(authors.rows)]``. Everything keeps to
    the scope, and what is returned has loaded what its read schema shows.

    Args:
        resource: What is declared of the rows.
        service: The service on the request's session.
        scope: The rows that the request may touch.
        explain: Tells what an error of the database means to the client.
    """

    def __init__(
        self,
        resource: "Resource[ModelT, Any, Any, Any, Any]",
        service: Any,
        scope: RowScope,
        explain: Explain,
    ) -> None:
        self.resource = resource
        self.service = service
        self.scope = scope
        self._explain = explain

    async def page(self, query: Any, *, read: Any = None) -> Listed[ModelT]:
        """Return a page of the rows that fulfil what is asked for.

        Args:
            query: An instance of the resource's ``query`` model.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: 422 for an order or a cursor that cannot be.
        """
        reading = self.resource.reading(read)
        return await self.run(
            lambda session: self.resource.reads.listing(read).page(
                session, select(self.resource.model), reading, self.scope, query
            )
        )

    async def get(self, key: Key, selection: Any = None, *, read: Any = None) -> ModelT:
        """Return a row.

        Args:
            key: The values of the key's attributes.
            selection: What a client has selected of it, where the resource lets it.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: 404 where there is none in the scope.
        """
        options = self.resource.reading(read).options(self.scope, selection)
        return await self.run(
            lambda session: find(
                session, self.resource.model, key, self.scope, options=options, **self._by_key
            )
        )

    async def create(self, data: Any, *, read: Any = None) -> ModelT:
        """Create a row, by the service's own ``create``.

        Args:
            data: An instance of the create schema.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: 409 or 422, naming the field that cannot be so.
        """
        return await self.run(
            lambda _: self.resource.writing.create(self.service, data, **self._answered(read))
        )

    async def update(
        self,
        key: Key,
        data: Any,
        precondition: Precondition = UNCONDITIONAL,
        *,
        read: Any = None,
    ) -> ModelT:
        """Change what was sent of a row, and nothing else.

        Args:
            key: The values of the key's attributes.
            data: An instance of the update schema.
            precondition: What the client requires of the row.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: 404 where there is none in the scope, 412 where it is not as required,
                409 or 422, naming the field that cannot be so.
        """
        given: dict[str, Any] = {
            "precondition": precondition,
            **self._by_key,
            **self._answered(read),
        }
        return await self.run(
            lambda _: self.resource.writing.update(self.service, key, data, **given)
        )

    async def put(
        self,
        key: Key,
        data: Any,
        precondition: Precondition = UNCONDITIONAL,
        *,
        read: Any = None,
    ) -> tuple[ModelT, bool]:
        """Replace a row, or create it under its key.

        Args:
            key: The values of the key's attributes.
            data: An instance of the put schema.
            precondition: What the client requires of the row.
            read: Another read schema than the resource's.

        Returns:
            The row, and whether it is new.

        Raises:
            ProblemError: 404 where the key is that of a row outside the scope; else as for update.
        """
        given: dict[str, Any] = {
            "precondition": precondition,
            **self._by_key,
            **self._answered(read),
        }

        def work(_: Session) -> tuple[ModelT, bool]:
            put = self.resource.writing.upsert(self.service, key, data, **given)
            return put.entity, put.created

        return await self.run(work)

    async def delete(self, key: Key, precondition: Precondition = UNCONDITIONAL) -> None:
        """Delete a row, or mark it as deleted where the resource says so.

        Args:
            key: The values of the key's attributes.
            precondition: What the client requires of the row.

        Raises:
            ProblemError: 404 where there is none in the scope, 412 where it is not as required, 409
                where others refer to it.
        """
        given: dict[str, Any] = {"precondition": precondition, "scope": self.scope, **self._by_key}
        await self.run(lambda _: delete_row(self.service, key, **given))

    async def restore(self, key: Key, *, read: Any = None) -> ModelT:
        """Bring back a row that was marked as deleted.

        Args:
            key: The values of the key's attributes.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: 404 where there is none in the scope.
        """
        given: dict[str, Any] = {**self._by_key, **self._answered(read)}
        return await self.run(lambda _: restore_row(self.service, key, **given))

    async def create_many(self, items: Sequence[Any], *, read: Any = None) -> list[ModelT]:
        """Create rows: all of them, or none.

        Args:
            items: Instances of the create schema.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: What cannot be so, by the index of each item.
        """
        given = {"explain": self._explain, **self._answered(read)}
        writing = self.resource.writing
        return await self.run(lambda _: writing.create_many(self.service, items, **given))

    async def update_many(self, changes: Sequence[Any], *, read: Any = None) -> list[ModelT]:
        """Change rows: all of them, or none.

        Args:
            changes: Instances of the resource's ``changed`` model.
            read: Another read schema than the resource's.

        Raises:
            ProblemError: What cannot be so, by the index of each item.
        """
        given: dict[str, Any] = {"explain": self._explain, **self._by_key, **self._answered(read)}
        required = self.resource.declaration.require_if_match
        each = row_changes(changes, self.resource.key, required=required)
        writing = self.resource.writing
        return await self.run(lambda _: writing.update_many(self.service, each, **given))

    async def delete_many(self, keys: Sequence[Key]) -> None:
        """Delete rows: all of them, or none.

        Args:
            keys: The values of the key's attributes, for each row.

        Raises:
            ProblemError: What cannot be so, by the index of each item.
        """
        given: dict[str, Any] = {"explain": self._explain, "scope": self.scope, **self._by_key}
        each = [RowKey(key) for key in keys]
        await self.run(lambda _: delete_rows(self.service, each, **given))

    async def run(self, work: Callable[[Session], T]) -> T:
        """Run a function on the request's session, where its driver may be used.

        Args:
            work: Takes the sync session; of an async service, under ``AsyncSession.run_sync``.
        """
        session: Any = self.service.repository.session
        if isinstance(session, async_scoped_session | scoped_session):
            session = cast("Any", session)()
        if isinstance(session, AsyncSession):
            return await session.run_sync(work)
        return await run_in_threadpool(work, cast("Session", session))

    @property
    def _by_key(self) -> dict[str, Any]:
        return {"key_attributes": self.resource.key}

    def _answered(self, read: Any) -> dict[str, Any]:
        return {"scope": self.scope, "reload": self.resource.reading(read).reload(self.scope)}
