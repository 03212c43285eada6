"""Attributes that no answer should hold, known by their types and by their names."""

from collections.abc import Iterator
from typing import Any

import pytest
from advanced_alchemy.types import (
    EncryptedString,
    EncryptedText,
    OneTimeCode,
    PasswordHash,
    TOTPSecret,
)
from advanced_alchemy.types.encrypted_string import EncryptionBackend
from advanced_alchemy.types.password_hash.base import HashingBackend
from sqlalchemy import Boolean, Column, DateTime, Integer, String, inspect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from holdfast.plan.secrets import (
    is_secret_column,
    is_secret_name,
    is_secret_type,
    secret_columns,
)
from tests.library import Author
from tests.plan.workshop import Machine, Owner


class Backwards(EncryptionBackend):
    """Encrypts nothing worth hiding."""

    @override
    def init_engine(self, key: bytes | str) -> None:
        pass

    @override
    def encrypt(self, value: Any) -> str:
        return str(value)[::-1]

    @override
    def decrypt(self, value: Any) -> str:
        return str(value)[::-1]


class Plain(HashingBackend):
    """Hashes nothing worth hiding."""

    @override
    def hash(self, value: str | bytes) -> str:
        return str(value)

    @override
    def verify(self, plain: str | bytes, hashed: str) -> bool:
        return plain == hashed

    @override
    def needs_rehash(self, hashed: str) -> bool:
        return False

    @override
    def compare_expression(self, column: Any, plain: str | bytes) -> Any:
        return column == plain


class Shared(TOTPSecret):
    """A shared secret, without the library that makes codes of it."""

    def __init__(self) -> None:
        EncryptedString.__init__(self, key="k", backend=Backwards)


class StringEncryptedType(TypeDecorator[str]):
    """What other libraries call such a type."""

    impl = String
    cache_ok = True


class Upper(TypeDecorator[str]):
    """A type that hides nothing."""

    impl = String
    cache_ok = True


def types() -> Iterator[tuple[TypeEngine[Any], bool]]:
    yield EncryptedString(key="k", backend=Backwards), True
    yield EncryptedText(key="k", backend=Backwards), True
    yield Shared(), True
    yield PasswordHash(backend=Plain()), True
    yield OneTimeCode(backend=Plain()), True
    yield StringEncryptedType(), True
    yield Upper(), False
    yield String(), False


@pytest.mark.parametrize(("type_", "is_secret"), list(types()), ids=lambda t: type(t).__name__)
def test_types_are_known_by_what_they_do(type_: TypeEngine[Any], is_secret: bool) -> None:
    """Advanced Alchemy's types for secrets are known, and others that are named for it."""
    assert is_secret_type(type_) is is_secret
    assert is_secret_column("mark", Column("mark", type_)) is is_secret


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "password_hash",
        "hashedPassword",
        "HTTPPassword",
        "totp_secret",
        "otp",
        "api_key",
        "apiKey",
        "recovery_codes",
        "refresh_token",
        "salt",
        "client_secret",
        "private_key_pem",
    ],
)
def test_names_are_known_by_their_words(name: str) -> None:
    """A name is a secret's by a word of it, or by two in a row."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["name", "secretary", "key", "passenger", "salted_at", "hotpot"])
def test_parts_of_words_are_no_words(name: str) -> None:
    """A word that only contains such a word is none."""
    assert not is_secret_name(name)


def test_when_and_whether_are_no_secrets() -> None:
    """A time or a yes or no may be named after a secret, a number or a text may not."""
    assert not is_secret_column("password_changed_at", Column("p", DateTime()))
    assert not is_secret_column("has_password", Column("password_set", Boolean()))
    assert is_secret_column("otp", Column("code", Integer()))
    assert is_secret_column("mark", Column("password_hash", String()))


def test_an_expression_of_a_secret_is_one() -> None:
    """An expression that holds a secret's column is a secret, unless it only tells whether."""
    column = Author.password_hash
    assert is_secret_column("shout", (column + "!").expression)
    assert not is_secret_column("exists", column.is_not(None))


def test_a_class_is_searched_for_secrets() -> None:
    """Every secret attribute of a class is found."""
    assert secret_columns(inspect(Author)) == {"password_hash"}
    assert secret_columns(inspect(Machine)) == {"api_key"}
    assert secret_columns(inspect(Owner)) == {"totp_secret"}
