"""Writing the rows of relations below, and above, a row that is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import class_mapper, lazyload, selectinload

from holdfast.problems import ProblemError
from holdfast.query.bulk import changed_references
from holdfast.query.changes import (
    given,
    given_for_new,
    refuse_nulls,
    scoped,
    sent_or_free,
    storable,
)
from holdfast.query.delete import mark_deleted
from holdfast.query.lookup import lock_arguments
from holdfast.query.many import read_again, verify_all_in_scope
from holdfast.query.nested_problems import located, unknown_child
from holdfast.query.nesting import Nested, Nesting
from holdfast.query.replacement import replacement
from holdfast.query.scope import RowScope, soft_delete_column
from holdfast.query.services import dialect_of, flush, session_of
from holdfast.query.targets import unseen_targets
from holdfast.query.write_problems import foreign_key_violation

__all__ = ("NestedWriter", "Owner")

Place = tuple[str | int, ...]
"""Where something is in the body of the request."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A row whose relations are written.

    Attributes:
        entity: The row.
        sent: What was sent for it, by attribute, relations included.
        place: Where it is in the body.
        is_new: Whether it has just been created, and so has no children.
    """

    entity: Any
    sent: Mapping[str, Any]
    place: Place = ()
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    """A row of a relation: what was sent, where, what it is linked by, and the row if it exists."""

    data: Any
    place: Place
    link: Mapping[str, Any]
    entity: Any | None


class NestedWriter:
    """Writes the rows of declared relations within a scope.

    Args:
        service: The service of the row on top.
        nested: The relations.
        scope: The rows that the request may touch.
        is_whole: Whether what is sent of an existing row is all of it, as with PUT.
    """

    def __init__(
        self, service: Any, nested: Nested, scope: RowScope, *, is_whole: bool = False
    ) -> None:
        self._service = service
        self._session = session_of(service)
        self._nested = nested
        self._scope = scope
        self._is_whole = is_whole

    def own_values(
        self, model: type[Any], sent: Mapping[str, Any], entity: Any | None, place: Place = ()
    ) -> dict[str, Any]:
        """Return what a row itself gets, after the rows that it refers to have been written.

        Args:
            model: The row's class.
            sent: What was sent for it, relations included.
            entity: The row, None for a new one.
            place: Where it is in the body.
        """
        names = self._nested.names(model)
        values = {name: value for name, value in sent.items() if name not in names}
        for nesting in self._nested.of(model):
            if nesting.is_owner or nesting.name not in sent:
                continue
            data = sent[nesting.name]
            target = None
            if data is not None:
                target = self._write_target(nesting, entity, data, (*place, nesting.name))
            for near, far in nesting.links:
                values[near] = None if target is None else getattr(target, far)
        return values

    def write_children(self, model: type[Any], owners: Sequence[Owner]) -> None:
        """Make the children of rows what was sent, for each relation that was.

        Args:
            model: The class of the rows.
            owners: The rows, flushed, with what was sent for them.
        """
        for nesting in self._nested.of(model):
            concerned = [owner for owner in owners if nesting.name in owner.sent]
            if nesting.is_owner and concerned:
                self._write_relation(nesting, concerned)

    def _write_target(self, nesting: Nesting, entity: Any | None, data: Any, place: Place) -> Any:
        link = {} if entity is None else {far: getattr(entity, near) for near, far in nesting.links}
        current = None
        if link and None not in link.values():
            criteria = [getattr(nesting.model, name) == value for name, value in link.items()]
            current = next(self._rows(nesting.model, criteria), None)
        known = {} if current is None else {_key(nesting, current): current}
        item = _matched(nesting, data, place, {}, known)
        (target,) = self._write_items(nesting, [item])
        return target

    def _write_relation(self, nesting: Nesting, owners: Sequence[Owner]) -> None:
        current = self._children(nesting, [owner.entity for owner in owners if not owner.is_new])
        items: list[_Item] = []
        left_out: list[Any] = []
        for owner in owners:
            link = {far: getattr(owner.entity, near) for near, far in nesting.links}
            known = {_key(nesting, row): row for row in current.get(tuple(link.values()), [])}
            place = (*owner.place, nesting.name)
            sent = owner.sent[nesting.name]
            listed = [] if sent is None else (list(sent) if nesting.is_list else [sent])
            for index, data in enumerate(listed):
                where = (*place, index) if nesting.is_list else place
                items.append(_matched(nesting, data, where, link, known))
            left_out += known.values()
        self._remove(nesting, left_out)
        self._write_items(nesting, items)

    def _children(
        self, nesting: Nesting, owners: Sequence[Any]
    ) -> dict[tuple[Any, ...], list[Any]]:
        """Return the children that the scope shows, by the values of their link."""
        found: dict[tuple[Any, ...], list[Any]] = {}
        if not owners:
            return found
        links = [tuple(getattr(owner, near) for near, _ in nesting.links) for owner in owners]
        columns = [getattr(nesting.model, name) for name in nesting.linking]
        for child in self._rows(nesting.model, [tuple_(*columns).in_(links)]):
            found.setdefault(tuple(getattr(child, name) for name in nesting.linking), []).append(
                child
            )
        return found

    def _rows(self, model: type[Any], criteria: Sequence[ColumnElement[bool]]) -> Iterator[Any]:
        shown = self._scope.criterion(model)
        statement = select(model).where(*criteria).options(lazyload("*"))
        statement = statement.order_by(*class_mapper(model).primary_key).with_for_update(
            **lock_arguments(model, "update", dialect_of(self._session, model))
        )
        if shown is not None:
            statement = statement.where(shown)
        rows = self._session.scalars(statement, execution_options={"populate_existing": True})
        return iter(rows.unique().all())

    def _remove(self, nesting: Nesting, rows: Sequence[Any]) -> None:
        if not rows:
            return
        soft = soft_delete_column(nesting.model)
        if nesting.removal == "delete":
            relations = [r for r in class_mapper(nesting.model).relationships if r.uselist]
            loads = [
                selectinload(getattr(nesting.model, relation.key))
                for relation in relations
                if not relation.viewonly and not relation.passive_deletes
            ]
            if loads:
                read_again(self._session, nesting.model, rows, loads)
        for row in rows:
            if nesting.removal == "delete":
                self._session.delete(row)
            elif soft is not None:
                mark_deleted(row, soft)
            else:
                for name in nesting.linking:
                    setattr(row, name, None)
        # Before the others: a new child may have a unique value of one that goes.
        flush(self._service)

    def _write_items(self, nesting: Nesting, items: Sequence[_Item]) -> list[Any]:
        model = nesting.model
        sent = [self._sent(model, item) for item in items]
        values = [self._values(model, *both) for both in zip(items, sent, strict=True)]
        self._check_targets(nesting, items, values)
        mapped = class_mapper(model).attrs
        rows: list[Any] = []
        for item, attributes in zip(items, values, strict=True):
            known = {name: value for name, value in attributes.items() if name in mapped}
            if item.entity is None:
                rows.append(model(**known))
                self._session.add(rows[-1])
                continue
            for name, value in known.items():
                setattr(item.entity, name, value)
            rows.append(item.entity)
        flush(self._service)
        verify_all_in_scope(self._session, model, rows, self._scope)
        owners = [
            Owner(row, given_, item.place, is_new=item.entity is None)
            for row, given_, item in zip(rows, sent, items, strict=True)
        ]
        self.write_children(model, owners)
        return rows

    def _sent(self, model: type[Any], item: _Item) -> dict[str, Any]:
        if item.entity is None:
            return given_for_new(model, item.data, self._scope)
        if not self._is_whole:
            return given(item.data)
        fixed = self._scope.values(model)
        return sent_or_free(item.data, replacement(model, item.data), fixed)

    def _values(self, model: type[Any], item: _Item, sent: Mapping[str, Any]) -> dict[str, Any]:
        is_new = item.entity is None
        own = self.own_values(model, sent, item.entity, item.place)
        try:
            values = scoped(model, own, self._scope, new=is_new)
            if is_new:
                # An empty key is to be generated.
                keys = {c.key for c in class_mapper(model).primary_key}
                values = {k: v for k, v in values.items() if v is not None or k not in keys}
            refuse_nulls(model, values)
        except ProblemError as error:
            raise located(error, item.place) from None
        return {**storable(model, values), **item.link}

    def _check_targets(
        self, nesting: Nesting, items: Sequence[_Item], values: Sequence[Mapping[str, Any]]
    ) -> None:
        written = [
            both[1]
            if both[0].entity is None
            else changed_references(nesting.model, both[0].entity, both[1])
            for both in zip(items, values, strict=True)
        ]
        unseen = unseen_targets(
            self._session, nesting.model, written, self._scope, exempt=nesting.linking
        )
        for index, fields in unseen.items():
            raise located(foreign_key_violation(fields), items[index].place)


def _key(nesting: Nesting, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in nesting.key)


def _matched(
    nesting: Nesting,
    data: Any,
    place: Place,
    link: Mapping[str, Any],
    known: dict[tuple[Any, ...], Any],
) -> _Item:
    """Return an item with the row it is about, which is then no longer among those known."""
    sent = given(data)
    key = tuple(sent.get(name) for name in nesting.key)
    if None not in key and key:
        row = known.pop(key, None)
        if row is None and nesting.is_key_generated:
            raise unknown_child((*place, nesting.key[0]))
        return _Item(data, place, link, row)
    if nesting.is_list and nesting.key:
        return _Item(data, place, link, None)
    # There is at most one, so it needs no key.
    return _Item(data, place, link, known.popitem()[1] if known else None)
