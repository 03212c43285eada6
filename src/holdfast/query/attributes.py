"""Mapped attributes as they are written in declarations: columns, and paths to columns."""

from typing import Any, cast

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import ColumnProperty, Mapper, QueryableAttribute, RelationshipProperty

from holdfast.errors import ConfigurationError

__all__ = ("Attribute", "AttributePath", "Path", "path_of", "primary_key_of")

Attribute = QueryableAttribute[Any]
"""A mapped attribute, such as ``Author.name``."""

AttributePath = Attribute | tuple[Attribute, ...]
"""A column of the model, or ``(Book.author, Author.name)``: relations, and a column at the end."""


class Path:
    """Where a column is, as seen from a model.

    Args:
        relations: The relations on the way, none for a column of the model itself.
        column: The column's attribute, of the class that the last relation leads to.
    """

    def __init__(self, relations: tuple[Attribute, ...], column: Attribute) -> None:
        self.relations = relations
        self.column = column

    @property
    def name(self) -> str:
        """The path as clients write it: ``author.name``."""
        return ".".join(attribute.key for attribute in (*self.relations, self.column))

    @property
    def element(self) -> ColumnElement[Any]:
        """The column's SQL expression on the class it belongs to."""
        return self.column.expression

    @property
    def is_to_many(self) -> bool:
        """Whether more than one row may lie at its end."""
        return any(relation.property.uselist for relation in self.relations)

    @property
    def is_nullable(self) -> bool:
        """Whether its value can be NULL, or be missing because a relation leads nowhere."""
        columns: tuple[Any, ...] = tuple(getattr(self.column.property, "columns", ()))
        # What is no column of a table, such as an expression, says nothing about NULL.
        return bool(self.relations) or any(getattr(c, "nullable", True) for c in columns)


def path_of(model: type[Any], declared: AttributePath, where: str) -> Path:
    """Return the path to a column of a model, or of one that its relations lead to.

    Args:
        model: The mapped class that the path starts from.
        declared: The column, or the relations and the column.
        where: The argument that names it, for the message.

    Raises:
        ConfigurationError: It is not of that model, or no column, or there is a gap in the path.
    """
    attributes = declared if isinstance(declared, tuple) else (declared,)
    mapper: Mapper[Any] = inspect(model)
    for position, attribute in enumerate(attributes, start=1):
        _check_attribute(mapper, attribute, where)
        target: Mapper[Any] | None = getattr(attribute.property, "mapper", None)
        if position == len(attributes):
            if target is not None:
                raise ConfigurationError(
                    f"{where} ends with the relation {attribute}, which has no value of its own. "
                    f"Name a column of {target.class_.__name__} behind it."
                )
        elif target is None:
            raise ConfigurationError(
                f"{where} goes through {attribute}, which is no relation. "
                "Write the relations first and one column last."
            )
        else:
            mapper = target
    return Path(tuple(attributes[:-1]), attributes[-1])


def _check_attribute(mapper: Mapper[Any], attribute: Any, where: str) -> None:
    name = mapper.class_.__name__
    if not isinstance(attribute, QueryableAttribute):
        raise ConfigurationError(
            f"{where} has {attribute!r}, which is no mapped attribute. "
            f"Write attributes of the model, such as `{name}.{mapper.column_attrs.keys()[0]}`."
        )
    prop: Any = cast("Any", attribute).property
    if not isinstance(prop, ColumnProperty | RelationshipProperty):
        raise ConfigurationError(
            f"{where} has {attribute}, which is neither a column nor a relation. Name one of these."
        )
    parent: Mapper[Any] = prop.parent
    if not mapper.isa(parent) and not parent.isa(mapper):
        raise ConfigurationError(
            f"{where} has {attribute}, but {name} is not {attribute.class_.__name__}. "
            f"Write an attribute of {name}, or the path of relations that leads there."
        )


def primary_key_of(model: type[Any]) -> tuple[Attribute, ...]:
    """Return the attributes of a model's primary key, in its order."""
    mapper: Mapper[Any] = inspect(model)
    return tuple(
        mapper.all_orm_descriptors[mapper.get_property_by_column(column).key]  # type: ignore[misc]
        for column in mapper.primary_key
    )
