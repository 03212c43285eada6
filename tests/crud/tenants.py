"""What several tenants keep in one database, and an API that shows each of them its own rows.

Writers have works, works have topics, and all three have a tenant. A slug is unique for a tenant.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, ColumnElement, ForeignKey, String, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from holdfast import CRUDRouter, Scope, repository, service

__all__ = (
    "BY_CRITERIA",
    "BY_VALUE",
    "Shelf",
    "Topic",
    "TopicRead",
    "Work",
    "WorkRead",
    "WorkService",
    "WorkWrite",
    "WorkWriteOfTenant",
    "Writer",
    "WriterCreate",
    "WriterPut",
    "WriterRead",
    "WriterService",
    "WriterWrite",
    "add_routers",
    "criteria_of_tenant",
    "tenant",
    "works_router",
    "writers_router",
)


class Shelf(DeclarativeBase):
    """Tables of the tenants alone."""


class Writer(Shelf):
    """Somebody who writes for a tenant."""

    __tablename__ = "tenant_writer"
    __table_args__ = (UniqueConstraint("tenant_id", "slug"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    slug: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("tenant_writer.id"))
    version: Mapped[int] = mapped_column(nullable=False)

    mentor: Mapped["Writer | None"] = relationship(remote_side="Writer.id")
    works: Mapped[list["Work"]] = relationship(
        back_populates="writer", cascade="all, delete-orphan", order_by="Work.id"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy reads it


work_topic = Table(
    "tenant_work_topic",
    Shelf.metadata,
    Column("work_id", ForeignKey("tenant_work.id"), primary_key=True),
    Column("topic_id", ForeignKey("tenant_topic.id"), primary_key=True),
)


class Topic(Shelf):
    """What a tenant's works are about."""

    __tablename__ = "tenant_topic"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    word: Mapped[str] = mapped_column(String(50))


class Work(Shelf):
    """What somebody wrote."""

    __tablename__ = "tenant_work"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    writer_id: Mapped[int] = mapped_column(ForeignKey("tenant_writer.id"))

    writer: Mapped[Writer] = relationship(back_populates="works")
    topics: Mapped[list[Topic]] = relationship(secondary=work_topic, order_by=Topic.id)


class WriterService(service.SQLAlchemyAsyncRepositoryService[Writer]):
    """Writers."""

    class Repository(repository.SQLAlchemyAsyncRepository[Writer]):
        model_type = Writer

    repository_type = Repository


class WorkService(service.SQLAlchemyAsyncRepositoryService[Work]):
    """Works."""

    class Repository(repository.SQLAlchemyAsyncRepository[Work]):
        model_type = Work

    repository_type = Repository


class TopicRead(BaseModel):
    """A topic as it is answered."""

    id: int
    word: str


class MentorRead(BaseModel):
    """A writer as another one's answer shows it."""

    id: int
    name: str


class WorkShown(BaseModel):
    """A work as its writer's answer shows it."""

    id: int
    title: str
    topics: list[TopicRead]


class WriterRead(BaseModel):
    """A writer as it is answered."""

    id: int
    slug: str
    name: str
    mentor: MentorRead | None
    works: list[WorkShown] = []


class WriterWrite(BaseModel):
    """A writer as it is sent."""

    model_config = ConfigDict(extra="forbid")

    slug: str = "s"
    name: str = "Ann"
    mentor_id: int | None = None
    tenant_id: int = 0


class WriterCreate(BaseModel):
    """A new writer."""

    model_config = ConfigDict(extra="forbid")

    slug: str
    name: str
    mentor_id: int | None = None


class WriterPut(BaseModel):
    """A writer under its slug."""

    model_config = ConfigDict(extra="forbid")

    name: str
    mentor_id: int | None = None


class WorkRead(BaseModel):
    """A work as it is answered."""

    id: int
    title: str
    writer: MentorRead | None
    topics: list[TopicRead]


class WorkWrite(BaseModel):
    """A work as it is sent."""

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    writer_id: int = 0


def tenant(x_tenant: Annotated[int | None, Header()] = None) -> int:
    """Tell whose rows a request is about."""
    if x_tenant is None:
        raise HTTPException(401, headers={"www-authenticate": "Tenant"})
    return x_tenant


def criteria_of_tenant(
    x_tenant: Annotated[int, Header()],
) -> Sequence[ColumnElement[bool]]:
    """Say the same in criteria that fix no value."""
    return [
        Writer.tenant_id.in_([x_tenant, x_tenant]),
        (Work.tenant_id <= x_tenant) & (Work.tenant_id >= x_tenant),
        Topic.tenant_id.in_([x_tenant]),
    ]


BY_VALUE = Scope(tenant, Writer.tenant_id, Work.tenant_id, Topic.tenant_id)
BY_CRITERIA = criteria_of_tenant

AnyRouter = CRUDRouter[Any, Any, Any, Any, Any]


def writers_router(alchemy: Any, scope: Scope | Callable[..., Any], **options: Any) -> AnyRouter:
    """Make a router of writers that offers everything."""
    by_value = isinstance(scope, Scope)
    offered: dict[str, Any] = {
        "prefix": "/writers",
        "create": WriterCreate if by_value else WriterWrite,
        "update": WriterWrite,
        "put": WriterCreate if by_value else WriterWrite,
        "filters": {
            Writer.id: ["eq", "in", "ne"],
            Writer.name: ["eq", "contains"],
            (Writer.mentor, Writer.name): ["eq", "is_null"],
            (Writer.works, Work.title): ["eq", "ne"],
            (Writer.works, Work.topics, Topic.word): ["eq"],
        },
        "search": [Writer.name, (Writer.works, Work.title), (Writer.mentor, Writer.name)],
        "sort": [Writer.name, (Writer.mentor, Writer.name)],
        "include": [Writer.works],
        "bulk": 10,
    }
    return CRUDRouter(
        alchemy.provide_service(WriterService),
        read=WriterRead,
        scope=scope,
        **{**offered, **options},
    )


def works_router(alchemy: Any, scope: Scope | Callable[..., Any], **options: Any) -> AnyRouter:
    """Make a router of works, by cursor."""
    write = WorkWrite if isinstance(scope, Scope) else WorkWriteOfTenant
    offered: dict[str, Any] = {
        "prefix": "/works",
        "create": write,
        "update": WorkWrite,
        "put": write,
        "filters": {
            (Work.writer, Writer.name): ["eq", "is_null"],
            (Work.topics, Topic.word): ["eq"],
        },
        "search": [(Work.topics, Topic.word), (Work.writer, Writer.name)],
        "sort": [Work.title],
        "pagination": "cursor",
        "bulk": 10,
    }
    return CRUDRouter(
        alchemy.provide_service(WorkService), read=WorkRead, scope=scope, **{**offered, **options}
    )


class WorkWriteOfTenant(WorkWrite):
    """A work as it is sent where no value is fixed."""

    tenant_id: int = 0


def add_routers(app: FastAPI, alchemy: Any, scope: Scope | Callable[..., Any]) -> None:
    """Add the routers to an application, and one of slugs where the scope fixes a value."""
    app.include_router(writers_router(alchemy, scope))
    app.include_router(works_router(alchemy, scope))
    if isinstance(scope, Scope):
        slugs = writers_router(
            alchemy,
            scope,
            key=Writer.slug,
            put=WriterPut,
            update=WriterPut,
            prefix="/slugs",
            plural="slugs",
            singular="slug",
        )
        app.include_router(slugs)
