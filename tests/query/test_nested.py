"""Rows that are written together with those of their relations."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from advanced_alchemy.exceptions import IntegrityError

from holdfast.problems import ProblemError
from holdfast.query.nested import update_nested, upsert_nested
from holdfast.query.nesting import Nested
from holdfast.query.scope import SOFT_DELETE
from tests.query.order_writes import (
    FULL,
    NESTED,
    LineIn,
    OrderIn,
    changing,
    column,
    create,
    lines,
    refused,
    reload,
    update,
)
from tests.query.orders import Note, Order, OrderBase, tenant
from tests.query.writers import DRIVERS, Writer, opened


@pytest.fixture(params=DRIVERS, scope="module")
async def tables(request: pytest.FixtureRequest) -> AsyncGenerator[Writer]:
    async with opened(request, OrderBase.metadata) as writer:
        yield writer


@pytest.fixture
async def writer(tables: Writer) -> Writer:
    await tables.empty(OrderBase.metadata)
    return tables


async def test_a_row_is_created_with_its_relations(writer: Writer) -> None:
    """Rows above and below are inserted with it, in the scope, and the answer shows them."""
    order = await create(writer, FULL)
    assert [(line.number, [part.name for part in line.parts]) for line in order.lines] == [
        (1, ["a", "b"]),
        (2, ["c"]),
    ]
    assert [note.text for note in order.notes] == ["n1", "n2"]
    assert (order.address.city, order.customer.name, order.customer.tenant_id) == ("Graz", "Ann", 1)
    assert lines(writer) == [(1, "one", 1), (2, "two", 1)]
    if writer.database.server is not None:
        # Customer, order, lines, parts, notes and address.
        assert changing(writer) == ["INSERT"] * 6


async def test_a_list_is_the_whole_list(writer: Writer) -> None:
    """A child with a key is changed, one without is new, and one that is left out is gone."""
    order = await create(writer, FULL)
    kept = order.lines[0].parts[1]
    changed = await update(
        writer,
        order.id,
        {
            "lines": [
                {"number": 3, "text": "two"},  # the text of the line that goes
                {"number": 1, "parts": [{"id": kept.id, "name": "B"}, {"name": "d"}]},
            ]
        },
    )
    assert lines(writer) == [(1, "one", 1), (3, "two", 1)]
    assert [(line.number, [part.name for part in line.parts]) for line in changed.lines] == [
        (1, ["B", "d"]),
        (3, []),
    ]
    assert column(writer, "SELECT name FROM part ORDER BY name") == ["B", "d"]
    # What was not sent stays.
    assert (changed.title, len(changed.notes), changed.address.city) == ("first", 2, "Graz")


async def test_children_of_an_optional_parent_are_let_go(writer: Writer) -> None:
    """A child that may be without a parent is not deleted, but refers to it no longer."""
    order = await create(writer, FULL)
    kept = order.notes[1]
    changed = await update(writer, order.id, {"notes": [{"id": kept.id, "text": "N2"}]})
    assert [note.text for note in changed.notes] == ["N2"]
    found = writer.database.query("SELECT text, order_id FROM note ORDER BY text")
    assert sorted(map(tuple, found), key=lambda row: row[0].lower()) == [
        ("n1", None),
        ("N2", order.id),
    ]


@pytest.fixture
def soft_delete() -> Generator[None]:
    """Mark notes as deleted instead of letting them go."""
    info = Note.__table__.c.deleted_at.info
    info[SOFT_DELETE] = True
    yield
    del info[SOFT_DELETE]


@pytest.mark.usefixtures("soft_delete")
async def test_children_with_a_mark_get_it(writer: Writer) -> None:
    """A child that can be soft-deleted is marked, and then is not there to be changed."""
    nested = Nested(Order.notes)
    order = await create(writer, FULL)
    first = order.notes[0].id

    async def set_notes(notes: list[Any]) -> Any:
        return await writer.run(
            Order,
            lambda service: update_nested(
                service, order.id, {"notes": notes}, nested, reload=reload(tenant(1))
            ),
        )

    assert [note.text for note in (await set_notes([{"text": "new"}])).notes] == ["new"]
    assert column(writer, "SELECT count(*) FROM note WHERE deleted_at IS NULL") == [1]
    assert column(writer, "SELECT count(*) FROM note") == [3]
    with pytest.raises(ProblemError) as refusal:
        await set_notes([{"id": first, "text": "back"}])
    assert refusal.value.problem.code == "unknown-child"


async def test_a_child_of_another_row_is_refused(writer: Writer) -> None:
    """A key that none of its children has is a 422 at its place, and changes nothing."""
    order, other = await create(writer, FULL), await create(writer, FULL)
    theirs = other.notes[0].id
    problem = await refused(
        writer, order.id, {"title": "x", "notes": [{"id": theirs, "text": "!"}]}
    )
    assert (problem.code, problem.status) == ("unknown-child", 422)
    assert problem.extensions["errors"][0]["loc"] == ["body", "notes", 0, "id"]
    part = other.lines[0].parts[0].id
    data = {"lines": [{"number": 1, "parts": [{"id": part, "name": "!"}]}]}
    problem = await refused(writer, order.id, data)
    assert problem.extensions["errors"][0]["loc"] == ["body", "lines", 0, "parts", 0, "id"]
    twice = order.notes[0].id
    data = {"notes": [{"id": twice, "text": "1"}, {"id": twice, "text": "2"}]}
    assert (await refused(writer, order.id, data)).code == "unknown-child"
    assert column(writer, "SELECT count(*) FROM note WHERE text = '!'") == [0]
    assert column(writer, "SELECT title FROM customer_order WHERE title = 'x'") == []


async def test_children_outside_the_scope_are_not_there(writer: Writer) -> None:
    """A child of another tenant is neither changed nor removed, nor is its key free to take."""
    order = await create(writer, FULL)
    writer.database.query("UPDATE order_line SET tenant_id = 2 WHERE number = 2")
    changed = await update(writer, order.id, {"lines": []})
    assert changed.lines == []
    assert lines(writer) == [(2, "two", 2)]
    with pytest.raises(IntegrityError):
        await update(writer, order.id, {"lines": [{"number": 2, "text": "mine now"}]})
    problem = await refused(
        writer, order.id, {"lines": [{"number": 5, "text": "t", "tenant_id": 2}]}
    )
    assert (problem.code, problem.extensions["fields"]) == (
        "outside-scope",
        ["lines.0.tenant_id"],
    )
    assert lines(writer) == [(2, "two", 2)]


async def test_foreign_keys_of_children_keep_to_the_scope(writer: Writer) -> None:
    """A child cannot refer to a row of another tenant, and the answer names the place."""
    writer.database.query("INSERT INTO product (id, tenant_id) VALUES (1, 1), (2, 2)")
    order = await create(writer, FULL)
    data = {
        "lines": [
            {"number": 1, "product_id": 1},
            {"number": 2, "product_id": 2},
        ]
    }
    problem = await refused(writer, order.id, data)
    assert (problem.code, problem.status) == ("foreign-key-violation", 409)
    assert problem.extensions["fields"] == ["lines.1.product_id"]
    data["lines"][1]["product_id"] = 1
    await update(writer, order.id, data)
    assert column(writer, "SELECT product_id FROM order_line") == [1, 1]


async def test_a_null_in_a_child_is_named(writer: Writer) -> None:
    """A null that a child's column does not take is a 422 that names its place."""
    order = await create(writer, FULL)
    problem = await refused(writer, order.id, {"lines": [{"number": 1, "text": None}]})
    assert (problem.code, problem.extensions["fields"]) == ("not-null-violation", ["lines.0.text"])


async def test_the_only_child_needs_no_key(writer: Writer) -> None:
    """Of a relation to one row an object changes that row, and null removes it."""
    order = await create(writer, FULL)
    changed = await update(writer, order.id, {"address": {"street": "Hauptplatz"}})
    assert (changed.address.city, changed.address.street) == ("Graz", "Hauptplatz")
    assert (await update(writer, order.id, {"address": None})).address is None
    assert column(writer, "SELECT count(*) FROM address") == [0]
    assert (await update(writer, order.id, {"address": {"city": "Wien"}})).address.city == "Wien"


async def test_a_row_above_is_changed_replaced_or_left(writer: Writer) -> None:
    """The row that a foreign key refers to is changed by its own key, and others are refused."""
    order, other = await create(writer, FULL), await create(writer, FULL)
    changed = await update(
        writer, order.id, {"customer": {"id": order.customer_id, "name": "Anna"}}
    )
    assert (changed.customer.id, changed.customer.name) == (order.customer_id, "Anna")
    problem = await refused(
        writer, order.id, {"customer": {"id": other.customer_id, "name": "stolen"}}
    )
    assert problem.extensions["errors"][0]["loc"] == ["body", "customer", "id"]
    changed = await update(writer, order.id, {"customer": None})
    assert changed.customer is None
    changed = await update(writer, order.id, {"customer": {"name": "Bob"}})
    assert changed.customer.name == "Bob"
    assert sorted(column(writer, "SELECT name FROM customer")) == ["Ann", "Anna", "Bob"]


async def test_a_put_replaces_all(writer: Writer) -> None:
    """PUT creates a row with its children, and then makes them those that were sent."""

    async def put(data: OrderIn) -> Any:
        return await writer.run(
            Order,
            lambda service: upsert_nested(
                service, 7, data, NESTED, scope=tenant(1), reload=reload(tenant(1))
            ),
        )

    order, created = await put(FULL)
    assert (created, order.id, len(order.lines)) == (True, 7, 2)
    order, created = await put(OrderIn(title="second", lines=[LineIn(number=2, text="zwei")]))
    assert not created
    assert [(line.number, line.text, line.parts) for line in order.lines] == [(2, "zwei", [])]
    assert (order.title, order.notes, order.address, order.customer) == ("second", [], None, None)


async def test_few_statements_change_many_children(writer: Writer) -> None:
    """Twenty children on two levels are read, changed and inserted by statements for all."""
    many = [
        {"number": n, "text": f"t{n}", "parts": [{"name": f"p{n}"}, {"name": f"q{n}"}]}
        for n in range(20)
    ]
    order = await create(writer, {"title": "many", "lines": many})
    for line, item in zip(order.lines, many, strict=True):
        item["text"] = f"T{line.number}"
        item["parts"] = [{"id": line.parts[0].id, "name": f"P{line.number}"}, {"name": "new"}]
    await update(writer, order.id, {"lines": many})
    selects = [sql for sql in writer.statements if sql.startswith("SELECT")]
    # The order, its lines, their parts, those left out; and five for the answer.
    assert len(selects) <= 10
    if writer.database.server is not None:
        # Parts left out, lines, parts changed and new ones.
        assert len(changing(writer)) <= 4
    assert column(writer, "SELECT count(*) FROM part") == [40]
