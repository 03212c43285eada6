"""A config that names its model is checked against it when the dependency is made."""

from typing import Any, cast

import pytest
from sqlalchemy import Float, ForeignKey, literal_column
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from holdfast.errors import ConfigurationError
from holdfast.wiring.filters import ChoiceField, FilterConfig, provide_filters


class Base(DeclarativeBase):
    """A registry of its own, whose mappers nobody has configured."""


class Shelf(Base):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column("town")
    width: Mapped[int]
    half: Mapped[float] = column_property(literal_column("width / 2", Float))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Any] = relationship("ClassThatIsNotImportedYet")

    @hybrid_property
    def is_wide(self) -> bool:
        return self.width > 100


def test_fields_of_the_model() -> None:
    """Columns by their attribute, expressions and hybrids are fields, before mappers are set up."""
    config: FilterConfig = {
        "model": Shelf,
        "id_filter": int,
        "sort_field": ["city", "half"],
        "search": "city",
        "in_fields": ["width"],
        "not_in_fields": ["owner_id"],
        "boolean_fields": ["is_wide"],
        "choice_fields": [ChoiceField("city", ("Oslo",))],
    }
    assert provide_filters(config) is provide_filters(config)


@pytest.mark.parametrize(
    "config",
    [
        {"created_at": True},
        {"updated_at": True},
        {"id_filter": int, "id_field": "uid"},
        {"sort_field": "town"},
        {"sort_field": ["city", "__init__"]},
        {"sort_field": "owner"},
        {"search": {"city", "name"}},
        {"in_fields": ["metadata"]},
        {"not_in_fields": "registry"},
        {"boolean_fields": ["wide"]},
        {"choice_fields": [("kind", ("a", "b"))]},
    ],
)
def test_no_such_field(config: dict[str, Any]) -> None:
    """A field that is no column of the model is refused, naming the key and the model."""
    with pytest.raises(ConfigurationError) as caught:
        provide_filters(cast("FilterConfig", {"model": Shelf, **config}))
    sentence = str(caught.value)
    assert sentence.startswith(
        f"provide_filters got {next(iter(config))!r}, but Shelf has no column "
    )
    assert "Did you mean " in sentence or "Write one of: " in sentence


def test_near_field() -> None:
    """A misspelt field is answered with the nearest."""
    with pytest.raises(ConfigurationError, match=r"Did you mean 'width'\?"):
        provide_filters({"model": Shelf, "sort_field": "widht"})


def test_models_share_no_dependency() -> None:
    """The model itself, not its name, is part of what makes two configs equal."""

    def drawer() -> type[DeclarativeBase]:
        class Local(DeclarativeBase): ...

        class Drawer(Local):
            __tablename__ = "drawer"
            id: Mapped[int] = mapped_column(primary_key=True)

        return Drawer

    config: FilterConfig = {"id_filter": int}
    made = {provide_filters({**config, "model": model}) for model in (Shelf, drawer(), drawer())}
    assert len(made | {provide_filters(config)}) == 4
