"""PUT of labels, as the tests of upserts send it."""

from typing import Any

import pytest
from pydantic import BaseModel

from holdfast.problems import Problem, ProblemError
from holdfast.query.scope import RowScope
from holdfast.query.upsert import Upserted, upsert_row
from tests.query.labels import Label, tenant
from tests.query.writers import Writer

__all__ = ("BY_SLUG", "Content", "hooked", "on_create", "put", "refused", "refused_by_id", "rows")

BY_SLUG = (Label.slug,)


class Content(BaseModel):
    text: str
    code: str | None = None


def on_create(_: Any, data: Any) -> Any:
    return {**data, "text": f"{data['text']}!"}


async def on_create_async(_: Any, data: Any) -> Any:
    return on_create(_, data)


def hooked(writer: Writer) -> dict[str, Any]:
    """Return members of a service that is no plain INSERT and UPDATE."""
    return {"to_model_on_create": on_create_async if writer.is_async else on_create}


async def put(
    writer: Writer, slug: str, text: str, *, members: Any = None, owner: int = 1, **options: Any
) -> Upserted:
    options = {"scope": tenant(owner), "key_attributes": BY_SLUG, **options}
    data = Content(text=text, code=options.pop("code", None))
    return await writer.run(
        Label, lambda service: upsert_row(service, slug, data, **options), members=members
    )


async def refused(writer: Writer, slug: str = "a", **options: Any) -> Problem:
    with pytest.raises(ProblemError) as refusal:
        await put(writer, slug, "refused", **options)
    return refusal.value.problem


async def refused_by_id(writer: Writer, key: int, scope: RowScope, members: Any) -> Problem:
    data = {"text": "stolen", "slug": "b", "tenant_id": 2}
    with pytest.raises(ProblemError) as refusal:
        await writer.run(
            Label, lambda service: upsert_row(service, key, data, scope=scope), members=members
        )
    return refusal.value.problem


def rows(writer: Writer) -> list[tuple[Any, ...]]:
    found = writer.database.query("SELECT owner, slug, label_text, version FROM label ORDER BY id")
    return [tuple(row) for row in found]
