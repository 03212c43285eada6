"""What type checkers make of generated schemas. Checked, never run."""

from typing import assert_type

from tests.schemas.gallery import Style
from typing_tests.generated_schemas import ArtistCreate, ArtistUpdate, CountryRead, TicketCreate

created = ArtistCreate(name="Ada", label="ada")
assert_type(created.email, str | None)
assert_type(created.style, Style)
TicketCreate(number=1)

changes: ArtistUpdate = {"name": "Ada", "email": None}
assert_type(changes.get("email"), str | None)
ArtistUpdate(style=Style.ABSTRACT)
ArtistUpdate(name=None)  # type: ignore[typeddict-item] # pyright: ignore[reportArgumentType]
ArtistUpdate(version=2)  # type: ignore[typeddict-unknown-key] # pyright: ignore[reportCallIssue]


def shown(country: CountryRead) -> None:
    assert_type(country.code, str)
