"""Labels that each tenant names by a slug: what PUT by a natural key is tried on."""

from datetime import datetime

from sqlalchemy import DateTime, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast.query.scope import SOFT_DELETE, RowScope

__all__ = ("Label", "LabelBase", "tenant")


class LabelBase(DeclarativeBase):
    """One table of its own."""

    metadata = MetaData()


class Label(LabelBase):
    """A slug may be used once by each tenant; a mark of deletion, a version, who changed it."""

    __tablename__ = "label"
    __table_args__ = (UniqueConstraint("slug", "owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column("owner")
    slug: Mapped[str] = mapped_column(String(50))
    text: Mapped[str] = mapped_column("label_text", String(100))
    code: Mapped[str | None] = mapped_column(String(20), unique=True)
    changed_by: Mapped[str | None] = mapped_column(String(20), onupdate=lambda: "somebody")
    deleted_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), info={SOFT_DELETE: True}
    )
    version: Mapped[int] = mapped_column(nullable=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it


def tenant(number: int) -> RowScope:
    """Return the scope of a tenant."""
    return RowScope(Label.tenant_id == number)
