"""Where one INSERT or UPDATE does all that a service's methods do."""

from typing import Any

from sqlalchemy import ForeignKey, MetaData, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, validates

from holdfast.query.one_statement import is_plain
from tests.query.labels import Label
from tests.query.writers import service_class


class _Base(DeclarativeBase):
    metadata = MetaData()


class _Text:
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Checked(_Text, _Base):
    __tablename__ = "checked"

    @validates("text")
    def check(self, _: str, value: str) -> str:
        return value


class Built(_Text, _Base):
    __tablename__ = "built"

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class Special(Built):
    __tablename__ = "special"

    id: Mapped[int] = mapped_column(ForeignKey("built.id"), primary_key=True)


class Stamped(_Text, _Base):
    __tablename__ = "stamped"

    by: Mapped[str] = mapped_column(onupdate=lambda context: str(context.current_parameters))


def test_what_wants_the_instance_is_not_plain() -> None:
    """Own methods, constructors, validators, files and several tables are no plain INSERT."""
    with Session(create_engine("sqlite://")) as session:
        plain = service_class(Label, {}, is_async=False)(session=session)
        assert is_plain(plain, {"text": "t"})
        for members in ({"create": print}, {"to_model_on_update": print}):
            own = service_class(Label, members, is_async=False)(session=session)
            assert not is_plain(own, {"text": "t"})
        for model in (Checked, Built, Special, Stamped):
            other = service_class(model, {}, is_async=False)(session=session)
            assert not is_plain(other, {"text": "t"})
        assert is_plain(service_class(Checked, {}, is_async=False)(session=session), {"id": 1})
