"""What is declared of one model's rows: checked once, and what routes are made of."""

from collections.abc import Callable, Collection, Coroutine
from functools import cached_property, partial
from typing import Annotated, Any, Generic, cast

from advanced_alchemy.base import ModelProtocol
from advanced_alchemy.service import (
    SQLAlchemyAsyncRepositoryReadService,
    SQLAlchemySyncRepositoryReadService,
)
from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from typing_extensions import TypeVar, Unpack

from holdfast.crud.answers import Answers, provide_answers
from holdfast.crud.change import change_model
from holdfast.crud.checks import check_resource, check_schemas, check_scope, fixed_attributes
from holdfast.crud.conditions import provide_condition, provide_precondition
from holdfast.crud.declaration import ResourceOptions, declared
from holdfast.crud.keys import Key, key_attributes, key_path, provide_key, provide_keys
from holdfast.crud.parameters import provide_items, provide_parameters
from holdfast.crud.read_schemas import ReadSchemas
from holdfast.crud.reading import Reading
from holdfast.crud.rows import Rows
from holdfast.crud.scope_checks import check_division, division_of, division_of_criteria
from holdfast.crud.scoping import provide_scope, provide_settings
from holdfast.crud.soft_deletes import mark_soft_delete, remember
from holdfast.crud.writing import Writing
from holdfast.errors import ConfigurationError
from holdfast.query.parameters import ListParameters
from holdfast.query.preconditions import Precondition, has_version
from holdfast.query.scope import EVERY_ROW, RowScope, Scope
from holdfast.query.transaction_settings import keep_settings
from holdfast.transaction.failure import problem_for
from holdfast.transaction.request import request_transaction
from holdfast.wiring.services import ServiceProvider, provision_of

__all__ = ("CreateT", "ModelT", "PutT", "ReadT", "Resource", "ResourceProvider", "UpdateT")

ModelT = TypeVar("ModelT", bound=ModelProtocol)
ReadT = TypeVar("ReadT")
CreateT = TypeVar("CreateT", default=None)
UpdateT = TypeVar("UpdateT", default=None)
PutT = TypeVar("PutT", default=None)

ResourceProvider = ServiceProvider[
    SQLAlchemyAsyncRepositoryReadService[ModelT, Any]
    | SQLAlchemySyncRepositoryReadService[ModelT, Any]
]
"""What ``alchemy.provide_service`` returns for a service of a model."""

Provides = Callable[..., Coroutine[Any, Any, Any]]


class Resource(Generic[ModelT, ReadT, CreateT, UpdateT, PutT]):
    """The rows of one model as an API shows them, for routes generated or written by hand.

        authors = Resource(alchemy.provide_service(AuthorService), read=AuthorRead)

        @app.get("/authors/{id}")
        async def get_author(
            rows: Annotated[Rows[Author], Depends(authors.rows)],
            answers: Annotated[Answers[AuthorRead], Depends(authors.answers)],
            key: Annotated[Key, Depends(authors.path_key)],
        ) -> Encoded[AuthorRead]:
            return answers.row(await rows.get(key))

    Args:
        provider: The dependency that ``alchemy.provide_service`` returns.
        read: What is answered for a row.
        create: What POST takes.
        update: What PATCH takes, where what is left out stays as it is.
        put: What PUT takes: the whole row, without its key.
        **options: What is offered; see ``ResourceOptions``.

    Attributes:
        model: The mapped class.
        key: The attributes that tell its rows apart in a URL.
        reads: What is read for each read schema.
        writing: How they are written.
        has_version: Whether rows have an entity tag.
        always: The rows that the provider's statement leaves, whatever the scope.

    Raises:
        ConfigurationError: The declarations cannot work; the message names the remedy.
    """

    def __init__(
        self,
        provider: ResourceProvider[ModelT],
        *,
        read: type[ReadT],
        create: type[CreateT] | None = None,
        update: type[UpdateT] | None = None,
        put: type[PutT] | None = None,
        **options: Unpack[ResourceOptions],
    ) -> None:
        provision = provision_of(provider)
        if provision is None:
            raise ConfigurationError(
                f"{provider!r} is no dependency that knows its database. "
                "Pass what `alchemy.provide_service(...)` returns."
            )
        self.provider = provider
        self.provision = provision
        self.read = read
        self.create = create
        self.update = update
        self.put = put
        self.declaration = declared(options)
        self.model = cast("type[ModelT]", provision.service_class.repository_type.model_type)
        mark_soft_delete(self)
        # What the provider's statement asks of rows holds for writes as well.
        where = getattr(provision.statement, "whereclause", None)
        self.always = EVERY_ROW if where is None else RowScope(where)
        self._fitting: set[Any] = set()
        scope = self.declaration.scope
        divided = scope.column_of(self.model) if isinstance(scope, Scope) else None
        self.key = key_attributes(self.model, self.declaration.key, divided)
        self.has_version = has_version(self.model)
        self.writing = Writing(self.declaration.nested)
        self.reads = ReadSchemas(self.model, self.declaration, self.key, read, self._check_division)
        check_resource(self)
        self.writing.check(self.model, (create, update, put), self._scoped)
        remember(self)

    @property
    def query(self) -> type[ListParameters]:
        """The model of a list's query parameters."""
        return self.reads.listing().query

    @property
    def models(self) -> tuple[type[Any], ...]:
        """The mapped classes that the routes read."""
        read = (model for reading in self.reads.known for model in reading.models)
        return tuple(dict.fromkeys((*self.reads.listing().models, *read)))

    @cached_property
    def changed(self) -> type[BaseModel]:
        """The model of one change among many: the row's key, and what of it changes."""
        return change_model(
            self.model,
            cast("Any", self.update),
            tuple(attribute.key for attribute in self.key),
            tagged=self.has_version,
            required=self.declaration.require_if_match,
        )

    @cached_property
    def selection(self) -> type[ListParameters] | None:
        """The model of the query parameters of one row; None where there is nothing to select."""
        return self.reads.selection()

    @property
    def path(self) -> str:
        """The path of one row below that of all, such as ``/{id}``."""
        return key_path(self.key)

    @cached_property
    def path_key(self) -> Callable[..., Coroutine[Any, Any, Key]]:
        """The dependency that reads a row's key from the path."""
        return provide_key(self.key)

    @cached_property
    def list_parameters(self) -> Callable[..., Coroutine[Any, Any, ListParameters | None]]:
        """The dependency that reads what a client asks of a list."""
        return provide_parameters(self.query)

    @cached_property
    def row_parameters(self) -> Callable[..., Coroutine[Any, Any, ListParameters | None]]:
        """The dependency that reads what a client asks of one row."""
        return provide_parameters(self.selection)

    @cached_property
    def items(self) -> Callable[..., Coroutine[Any, Any, list[CreateT]]]:
        """The dependency that reads what rows are created from."""
        return provide_items(self.create, self._most)

    @cached_property
    def changes(self) -> Callable[..., Coroutine[Any, Any, list[Any]]]:
        """The dependency that reads what of which rows changes: instances of ``changed``."""
        return provide_items(self.changed, self._most)

    @cached_property
    def keys(self) -> Callable[..., Coroutine[Any, Any, list[Key]]]:
        """The dependency that reads the keys of rows from the query."""
        return provide_keys(self.key[0], self._most)

    @cached_property
    def answers(self) -> Callable[..., Coroutine[Any, Any, Answers[ReadT]]]:
        """The dependency that makes a request's ``Answers``."""
        return provide_answers(self)

    @cached_property
    def rows(self) -> Callable[..., Coroutine[Any, Any, Rows[ModelT]]]:
        """The dependency that gives a request's ``Rows``."""

        async def provide_rows(
            connection: HTTPConnection, service: Any, scope: RowScope, settings: dict[str, str]
        ) -> Rows[ModelT]:
            self._check_criteria(scope)
            transaction = request_transaction(connection.scope, self.provision.extension)
            explain = partial(problem_for, statement_of=transaction.statement_of)
            rows = Rows(self, service, scope.within(self.always), explain)
            if settings:
                await rows.run(lambda session: keep_settings(session, self.model, settings))
            return rows

        declaration = self.declaration
        settings = provide_settings(declaration.settings or {})
        provide_rows.__annotations__ |= {
            "service": Annotated[Any, Depends(self.provider)],
            "scope": Annotated[RowScope, Depends(provide_scope(declaration.scope))],
            "settings": Annotated[dict[str, str], Depends(settings)],
        }
        return provide_rows

    @cached_property
    def precondition(self) -> Callable[..., Coroutine[Any, Any, Precondition]]:
        """The dependency that reads what a client requires of a row it changes."""
        required = self.declaration.require_if_match
        return provide_precondition(required=required, creates=False)

    @cached_property
    def put_precondition(self) -> Callable[..., Coroutine[Any, Any, Precondition]]:
        """The dependency that reads the same where the row may be new."""
        return provide_precondition(required=self.declaration.require_if_match, creates=True)

    @cached_property
    def condition(self) -> Callable[..., Coroutine[Any, Any, Precondition]]:
        """The dependency that reads what a client has already."""
        return provide_condition()

    @property
    def _most(self) -> int:
        return self.declaration.bulk or 1

    def _scoped(self, model: type[Any]) -> Collection[str]:
        return fixed_attributes(self.declaration.scope, model)

    def reading(self, schema: Any = None) -> Reading:
        """Return how rows are read for a schema.

        Args:
            schema: A read schema, or None for the resource's.

        Raises:
            ConfigurationError: The schema does not fit the model, or shows a secret.
        """
        return self.reads.reading(schema)

    def _check_division(self) -> None:
        if isinstance(self.declaration.scope, Scope):
            check_division(self, division_of(self.declaration.scope))

    def check_schemas(self) -> None:
        """Hold every schema against the mapping once more, where something of it has changed.

        Raises:
            ConfigurationError: One does not fit.
        """
        self.reads.check()
        check_schemas(self)

    def _check_criteria(self, scope: RowScope) -> None:
        """Check a scope whose criteria only requests tell, once for each form of them."""
        if not scope.models or isinstance(self.declaration.scope, Scope):
            return
        division = division_of_criteria(scope)
        form = (scope.models, division.names)
        if form not in self._fitting:
            check_scope(self, division, stacklevel=1)
            check_schemas(self, division.columns(self.model) or ())
            self._fitting.add(form)
