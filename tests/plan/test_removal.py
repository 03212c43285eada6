"""What a model and a service have to be like for rows to be marked as deleted."""

from datetime import date, datetime

import pytest
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import func
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from holdfast.errors import ConfigurationError
from holdfast.plan.removal import check_soft_delete
from tests.library import Author, Book
from tests.query.writers import service_class


class Own(DeclarativeBase):
    pass


class Thing(Own):
    __tablename__ = "removal_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    gone: Mapped[bool | None]
    day: Mapped[date | None]
    always: Mapped[datetime] = mapped_column()
    utc: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    latest = column_property(func.coalesce(always))


def test_a_time_that_may_be_missing_marks_rows() -> None:
    """A DateTime column that takes NULL is fine, upstream's type for UTC as well."""
    check_soft_delete(Author, Author.deleted_at)
    check_soft_delete(Thing, Thing.utc)


def test_other_columns_do_not() -> None:
    """A column that tells no time, always has one, or is none of the model's is refused."""
    for wrong in (Thing.gone, Thing.day, Thing.always, Thing.latest):
        with pytest.raises(ConfigurationError, match="Name a DateTime column that takes NULL"):
            check_soft_delete(Thing, wrong)
    with pytest.raises(ConfigurationError, match="Write an attribute of Book"):
        check_soft_delete(Book, Author.deleted_at)


def test_a_delete_of_ones_own_would_not_be_called() -> None:
    """A service that deletes in its own way is refused."""
    check_soft_delete(Author, Author.deleted_at, service_class(Author, {}, is_async=True))
    own = service_class(Author, {"delete": print}, is_async=True)
    with pytest.raises(ConfigurationError, match="Leave one of them out"):
        check_soft_delete(Author, Author.deleted_at, own)
