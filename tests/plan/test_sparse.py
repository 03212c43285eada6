"""What answers are documented as where parts of them may be absent."""

from typing import Any, Generic, TypeVar

import pytest
from advanced_alchemy.service import OffsetPagination
from fastapi import FastAPI
from pydantic import (
    BaseModel,
    TypeAdapter,
    model_serializer,
)
from typing_extensions import TypedDict

from holdfast.errors import ConfigurationError
from holdfast.plan.analysis import analyse
from holdfast.plan.shape import Shape
from tests.library import Book
from tests.plan.test_shape import BookData, BookDict, BookRead

T = TypeVar("T")


@pytest.mark.parametrize("schema", [BookRead, BookData, BookDict])
def test_the_document_says_what_may_be_absent(schema: Any) -> None:
    """The documented schema is named after its own, and requires nothing that may be absent."""
    whole = TypeAdapter(schema).json_schema(mode="serialization")
    sparse = Shape(analyse(Book, schema), sparse=True).schema
    described = TypeAdapter(sparse).json_schema(mode="serialization")
    assert described["title"] == f"Sparse{schema.__name__}"
    assert "required" not in described
    assert described.get("description") == whole.get("description")
    assert list(described["properties"]) == list(whole["properties"])
    for name, described_field in described["properties"].items():
        expected = {k: v for k, v in whole["properties"][name].items() if k != "default"}
        assert described_field == expected


def test_only_included_relations_may_be_absent_where_fields_are_fixed() -> None:
    """Without sparse fields the document goes on to require all but the optional relations."""
    shape = Shape(analyse(Book, BookRead, include=[Book.tags]))
    described = TypeAdapter(shape.schema).json_schema(mode="serialization")
    assert described["required"] == ["id", "headline", "genre", "price", "author", "both"]


def test_fastapi_documents_a_shape() -> None:
    """A response model of a shape is a component of its own beside the whole schema."""
    shape = Shape(analyse(Book, BookData), sparse=True, page=OffsetPagination)
    app = FastAPI()

    @app.get("/sparse", response_model=shape.page)
    async def sparse() -> None: ...

    @app.get("/whole", response_model=BookData)
    async def whole() -> None: ...

    schemas = app.openapi()["components"]["schemas"]
    assert "required" not in schemas["SparseBookData"]
    assert schemas["BookData"]["required"] == ["id", "headline", "genre", "author"]
    assert schemas["OffsetPagination_SparseBookData_"]["properties"]["items"]["items"] == {
        "$ref": "#/components/schemas/SparseBookData"
    }


def test_what_makes_its_own_answer_cannot_be_sparse() -> None:
    """A model serializer, or a schema that is no class of its own, is refused."""

    class Own(BaseModel):
        id: int

        @model_serializer
        def dump(self) -> dict[str, Any]:
            return {"id": self.id}

    class Row(TypedDict, Generic[T]):
        id: T

    assert Shape(analyse(Book, Own)).schema is Own
    with pytest.raises(ConfigurationError, match="Remove the serializer"):
        Shape(analyse(Book, Own), sparse=True)
    assert Shape(analyse(Book, Row[int])).schema == Row[int]
    with pytest.raises(ConfigurationError, match="Derive a class from it"):
        Shape(analyse(Book, Row[int]), sparse=True)
