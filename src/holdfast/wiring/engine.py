"""Options of an engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from advanced_alchemy.config import EngineConfig as _EngineConfig
from advanced_alchemy.utils.serialization import decode_json, encode_json, schema_dump

__all__ = ("EngineConfig",)


def _to_json(value: Any) -> str:
    return encode_json(schema_dump(value))


@dataclass
class EngineConfig(_EngineConfig):
    """Options of a SQLAlchemy engine, with JSON columns that take schema objects.

    Attributes:
        json_deserializer: Turns the text of a JSON column into Python objects.
        json_serializer: Turns Python objects, schema instances included, into that text.
    """

    json_deserializer: Callable[[str], Any] = decode_json
    json_serializer: Callable[[Any], str] = _to_json
