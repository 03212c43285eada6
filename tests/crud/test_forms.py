"""Options in another form than they have are told what to write."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from holdfast import AdvancedAlchemy, CRUDRouter, Scope, SQLAlchemyAsyncConfig
from holdfast.errors import ConfigurationError
from tests.crud.library_api import AuthorCreate, AuthorRead, AuthorService, AuthorUpdate
from tests.library import Author, Book


@pytest.fixture(scope="module")
def alchemy() -> AdvancedAlchemy:
    """Give an extension on a database that nothing is asked of."""
    engine = create_async_engine("sqlite+aiosqlite://")
    return AdvancedAlchemy(SQLAlchemyAsyncConfig(engine_instance=engine), FastAPI())


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("key", "name", "`key=Author.slug`"),
        ("key", [], "`key=Author.slug`"),
        ("filters", [Author.name], '`filters={Author.name: ["eq", "contains"]}`'),
        ("search", Author.name, "`search=[Author.name]`"),
        ("sort", Author.name, "`sort=[Author.name]`"),
        ("default_sort", Author.name, "`default_sort='-created_at,name'`"),
        ("page_size", "20", "a number"),
        ("max_page_size", 10.5, "a number"),
        ("totals", "exact", "`totals=['exact', 'none']`"),
        ("include", ["books"], "`include=[Author.books]`"),
        ("include", [Author.name], "`sparse=True`"),
        ("scope", "tenant", "a `Scope`"),
        ("settings", ["app.tenant_id"], "`settings={'app.tenant_id': current_tenant}`"),
        ("show_secrets", ["email"], "`show_secrets=[Author.api_key]`"),
        ("nested", Author.books, "`nested=[Author.books]`"),
        ("bulk", True, "`bulk=100`"),
        ("bulk", "100", "`bulk=100`"),
    ],
)
def test_another_form_is_told_how_to_write_it(
    alchemy: AdvancedAlchemy, option: str, value: Any, remedy: str
) -> None:
    """The message names the option, and ends with an example."""
    options: Any = {option: value}
    with pytest.raises(ConfigurationError, match=f"^{option}=.* Write .*{re.escape(remedy)}"):
        CRUDRouter(alchemy.provide_service(AuthorService), read=AuthorRead, **options)


def test_none_is_what_leaving_out_is(alchemy: AdvancedAlchemy) -> None:
    """Options that have no value by default may be given as None."""
    options: Any = dict.fromkeys(("key", "filters", "default_sort", "scope", "settings", "bulk"))
    CRUDRouter(alchemy.provide_service(AuthorService), read=AuthorRead, **options)


def test_an_operation_has_the_class_of_one(alchemy: AdvancedAlchemy) -> None:
    """A dictionary of what it has is none."""
    wrong: Any = {"list": {"tags": ["x"]}}
    with pytest.raises(ConfigurationError, match=r"Write an `Operation`"):
        CRUDRouter(alchemy.provide_service(AuthorService), read=AuthorRead, operations=wrong)


def test_a_schema_is_named_by_the_argument_that_has_it(alchemy: AdvancedAlchemy) -> None:
    """One class may fit as `create=` and not as `put=`."""

    class Unknown(AuthorCreate):
        nmae: str

    provider = alchemy.provide_service(AuthorService)
    for argument in ("create", "update", "put"):
        schemas: Any = {"create": AuthorCreate, "update": AuthorUpdate, argument: Unknown}
        with pytest.raises(ConfigurationError, match=rf"Unknown \(`{argument}=`\)"):
            CRUDRouter(provider, read=AuthorRead, **schemas)


def test_a_mapped_class_is_no_read_schema(alchemy: AdvancedAlchemy) -> None:
    """What Pydantic does not know is told what to pass instead."""
    wrong: Any = Author
    with pytest.raises(ConfigurationError, match=r"Pass a Pydantic model.* knows\.$"):
        CRUDRouter(alchemy.provide_service(AuthorService), read=wrong)


def test_a_scope_of_a_model_without_such_a_column(alchemy: AdvancedAlchemy) -> None:
    """No column is named that the model does not have."""
    scope = Scope(int, Book.author_id)
    with pytest.raises(ConfigurationError, match=r"nothing about Author.* or leave `scope` out\.$"):
        CRUDRouter(alchemy.provide_service(AuthorService), read=AuthorRead, scope=scope)
