"""PUT: a row that is replaced, or created where there is none with its key."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from advanced_alchemy.exceptions import IntegrityError as UpstreamIntegrityError
from sqlalchemy import Column
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holdfast.errors import ConfigurationError
from holdfast.problems import ProblemError
from holdfast.query.attributes import Attribute, primary_key_of
from holdfast.query.changes import sent_or_free
from holdfast.query.committed import PLAIN, Reload, as_committed
from holdfast.query.conflict_target import conflict_target
from holdfast.query.create import create_row, new_values, verify_in_scope
from holdfast.query.insert_or_find import insert_unless_there, is_there
from holdfast.query.lookup import find_or_none, parts_of
from holdfast.query.one_statement import insert_or_update, is_plain
from holdfast.query.preconditions import UNCONDITIONAL, Precondition
from holdfast.query.put_problems import deleted_record, key_mismatch
from holdfast.query.replacement import replacement
from holdfast.query.scope import EVERY_ROW, RowScope
from holdfast.query.services import (
    dialect_of,
    model_of,
    overrides,
    session_of,
    translated_errors,
)
from holdfast.query.targets import check_targets
from holdfast.query.update import change_row
from holdfast.query.write_problems import not_found, precondition_failed

__all__ = ("Upserted", "check_upsert", "upsert_row")

_TAKEN = (IntegrityError, UpstreamIntegrityError)


class Upserted(NamedTuple):
    """What an upsert came to.

    Attributes:
        entity: The row as it is committed.
        created: Whether it is new: 201 instead of 200.
    """

    entity: Any
    created: bool


def check_upsert(
    service: type[Any], key: Sequence[Attribute] = (), fixed: Collection[str] = ()
) -> None:
    """Make sure that a service can have PUT.

    Args:
        service: The class of the service.
        key: The attributes of a natural key; without them it is the primary key.
        fixed: The names of attributes whose values the scope fixes.

    Raises:
        ConfigurationError: Nothing keeps two rows from having one key, or the service has an upsert
            of its own, which would look for the row without regard to the scope.
    """
    model = model_of(service)
    conflict_target(model, tuple(key) or primary_key_of(model), fixed)
    if overrides(service, "upsert", "to_model_on_upsert"):
        raise ConfigurationError(
            f"PUT creates a row or changes it, so the upsert that {service.__name__} overrides "
            "would not run. Override `to_model_on_create` and `to_model_on_update`, or leave PUT "
            "out and write its route by hand."
        )


def upsert_row(  # noqa: PLR0913 - all after the data by name
    service: Any,
    key: Any,
    data: Any,
    *,
    scope: RowScope = EVERY_ROW,
    precondition: Precondition = UNCONDITIONAL,
    key_attributes: Sequence[Attribute] = (),
    reload: Reload = PLAIN,
) -> Upserted:
    """Replace the row with a key, or create it; docs/engines-differ.md tells the statements.

    Of any number of requests for a key that is not there one creates the row, and the others change
    it. A row outside the scope is never touched.

    Args:
        service: An Advanced Alchemy service, async or sync.
        key: The row's key; a tuple where it has several parts.
        data: What the client has sent: a schema's instance, or a dictionary. The key is set, and
            has to be the same where it was sent.
        scope: The rows that the request may touch.
        precondition: What the request requires: with ``If-Match`` no row is created, with
            ``If-None-Match: *`` none is changed.
        key_attributes: The attributes of a natural key; without them it is the primary key.
        reload: What the answer shows.

    Raises:
        ProblemError: 404 for a row outside the scope, 409 for one that is soft-deleted, 412 where
            the condition does not hold, 422 where the data names another key; else as for a new
            row and a changed one.
    """
    session, model = session_of(service), model_of(service)
    attributes = tuple(key_attributes) or primary_key_of(model)
    put = _Put(service, session, model, key, attributes, scope, precondition, reload)
    values = put.with_key(sent_or_free(data, replacement(model, data), scope.values(model)))
    if precondition.if_match is not None:
        return put.update(values) or _raise(precondition_failed())
    target = conflict_target(model, attributes, scope.values(model))
    if not is_plain(service, values):
        return put.by_reading(values, target)
    if dialect_of(session, model) == "postgresql" and not precondition.only_creates:
        return put.in_one_statement(values, target)
    return put.by_inserting(values, target)


def _raise(error: ProblemError) -> Any:
    raise error


@dataclass(frozen=True, slots=True)
class _Put:
    """One upsert, and the three ways to do it."""

    service: Any
    session: Session
    model: type[Any]
    key: Any
    attributes: tuple[Attribute, ...]
    scope: RowScope
    precondition: Precondition
    reload: Reload

    def with_key(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with those of the key, refusing others in their place."""
        names = (attribute.key for attribute in self.attributes)
        named = dict(zip(names, parts_of(self.key), strict=True))
        others = [name for name, value in named.items() if values.get(name, value) != value]
        if others:
            raise key_mismatch(others)
        return {**values, **named}

    def in_one_statement(
        self, values: Mapping[str, Any], target: Sequence[Column[Any]]
    ) -> Upserted:
        """Insert or update with ON CONFLICT, whose WHERE is the scope."""
        complete = self._complete(values)
        with translated_errors(self.service):
            found = insert_or_update(self.session, self.model, complete, target, self.scope)
        if found is None:
            raise self._out_of_sight()
        entity, created = found
        verify_in_scope(self.session, entity, self.scope)
        return Upserted(self._as_committed(entity), created)

    def by_inserting(self, values: Mapping[str, Any], target: Sequence[Column[Any]]) -> Upserted:
        """Insert unless the row is there, and else change it."""
        complete = self._complete(values)
        with translated_errors(self.service):
            entity = insert_unless_there(self.session, self.model, complete, target)
        if entity is not None:
            verify_in_scope(self.session, entity, self.scope)
            return Upserted(self._as_committed(entity), created=True)
        changed = self.update(values)
        if changed is not None:
            return changed
        if is_there(self.session, self.model, complete, target):
            return self._update_again(values)
        # Another unique value of the row is taken, which the database shall say.
        return self._create(values)

    def by_reading(self, values: Mapping[str, Any], target: Sequence[Column[Any]]) -> Upserted:
        """Look for the row, and change or create it by the service."""
        changed = self.update(values)
        if changed is not None:
            return changed
        complete = {**values, **self.scope.values(self.model)}
        if is_there(self.session, self.model, complete, target):
            return self._update_again(values)
        try:
            with self.session.begin_nested():
                return self._create(values)
        except _TAKEN:
            if not is_there(self.session, self.model, complete, target):
                raise
        return self._update_again(values)

    def update(self, values: Mapping[str, Any]) -> Upserted | None:
        """Change the row, or return None where the scope shows none."""
        entity = find_or_none(
            self.session,
            self.model,
            self.key,
            self.scope,
            key_attributes=self.attributes,
            lock="update",
        )
        if entity is None:
            return None
        self.precondition.check(entity)
        changed = change_row(self.service, entity, values, scope=self.scope, reload=self.reload)
        return Upserted(changed, created=False)

    def _update_again(self, values: Mapping[str, Any]) -> Upserted:
        """Change a row that is there but was not found, because it was created meanwhile."""
        return self.update(values) or _raise(self._out_of_sight())

    def _complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        complete = new_values(self.service, values, self.scope)
        check_targets(self.session, self.model, complete, self.scope)
        return complete

    def _create(self, values: Mapping[str, Any]) -> Upserted:
        entity = create_row(self.service, values, scope=self.scope, reload=self.reload)
        return Upserted(entity, created=True)

    def _as_committed(self, entity: Any) -> Any:
        # Every value of it was read from the database.
        return as_committed(self.session, entity, self.reload, ())

    def _out_of_sight(self) -> ProblemError:
        """Return the answer for a row that is there and that the scope does not show."""
        marked = find_or_none(
            self.session,
            self.model,
            self.key,
            self.scope.with_deleted(),
            key_attributes=self.attributes,
            lock="update",
        )
        return not_found() if marked is None else deleted_record()
