"""``holdfast schemas``: schemas from mappings, and what differs from those that are there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from rich_click import RichCommand

from holdfast.cli.failures import CannotRunError
from holdfast.cli.references import load

if TYPE_CHECKING:
    from holdfast.schemas.comparison import Purpose

__all__ = ("schemas",)

MODEL = "app.models:Author"
SCHEMA = "app.schemas:AuthorRead"
ENDINGS: "dict[str, Purpose]" = {
    "Read": "read",
    "Out": "read",
    "Public": "read",
    "Response": "read",
    "Create": "create",
    "In": "create",
    "Update": "update",
    "Patch": "update",
}


@click.command(cls=RichCommand)
@click.argument("names", nargs=-1, required=True, metavar="MODULE:NAME...")
@click.option("--check", is_flag=True, help="Compare the schemas named after the model with it.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave out a kind of finding.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write into a new file instead of standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite the file that --output names.")
def schemas(  # noqa: PLR0913 - each is an option
    names: tuple[str, ...],
    *,
    check: bool,
    ignore: tuple[str, ...],
    as_json: bool,
    output: Path | None,
    force: bool,
) -> None:
    """Write Pydantic schemas from mapped classes, or check those that are there.

    `holdfast schemas app.models:Author app.models:Book --output app/schemas.py` writes a read, a
    create and an update schema for each model: code to keep and to edit.

    `holdfast schemas app.models:Author --check app.schemas:AuthorRead app.schemas:AuthorCreate`
    lists what differs between the model and its schemas. A name that does not end with Read, Create
    or Update is written as `read=app.schemas:Author`.
    """
    if check:
        if output is not None or force:
            raise click.UsageError("--output and --force go without --check: it writes no file.")
        _check(names, set(ignore), as_json=as_json)
        return
    if as_json or ignore:
        raise click.UsageError("--json and --ignore go with --check: without it code is written.")
    source = _written(names)
    if output is None:
        click.echo(source, nl=False)
    else:
        _save(source, output, force=force)


def _written(names: Sequence[str]) -> bytes:
    from holdfast.errors import ConfigurationError
    from holdfast.schemas.source import source_of

    try:
        return source_of([load(name, MODEL) for name in names]).encode()
    except ConfigurationError as error:
        raise CannotRunError(error.detail) from error


def _save(source: bytes, path: Path, *, force: bool) -> None:
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(source)
    except FileExistsError as error:
        raise CannotRunError(
            f"{path} is there already, and may have been edited. "
            "Name another file, or overwrite it with --force."
        ) from error
    except OSError as error:
        raise CannotRunError(
            f"{path} cannot be written: {error.strerror}. Name a file in a folder that is there."
        ) from error


def _check(names: Sequence[str], ignored: set[str], *, as_json: bool) -> None:
    from holdfast.errors import ConfigurationError
    from holdfast.schemas.comparison import differences
    from holdfast.schemas.findings import CODES

    if unknown := sorted(ignored - set(CODES)):
        raise click.UsageError(f"There is no code {unknown[0]!r}. Known are: {', '.join(CODES)}.")
    model, *others = names
    if not others:
        raise click.UsageError(f"Name the schemas to check behind the model: {MODEL} {SCHEMA}.")
    cls = load(model, MODEL)
    findings: list[dict[str, str]] = []
    for name in others:
        purpose, reference = _purpose(name)
        try:
            found = differences(cls, load(reference, SCHEMA), purpose)
        except ConfigurationError as error:
            raise CannotRunError(error.detail) from error
        findings += [
            {"schema": reference, "field": f.field, "code": f.code, "message": f.message}
            for f in found
            if f.code not in ignored
        ]
    _report(model, findings, as_json=as_json)
    if findings:
        raise SystemExit(1)


def _purpose(name: str) -> "tuple[Purpose, str]":
    from holdfast.schemas.comparison import Purpose

    told, equals, reference = name.partition("=")
    known: dict[str, Purpose] = {purpose: purpose for purpose in get_args(Purpose)}
    if equals and told in known:
        return known[told], reference
    for ending, purpose in ENDINGS.items():
        if name.endswith(ending):
            return purpose, name
    raise CannotRunError(
        f"{name!r} does not say what the schema is for. "
        f"Write read={name}, create={name} or update={name}."
    )


def _report(model: str, findings: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"model": model, "findings": findings}, indent=2))
        return
    for finding in findings:
        click.echo(
            f"{finding['schema']}: {finding['field']}: {finding['code']}: {finding['message']}."
        )
    count = len(findings)
    click.echo(f"{count} finding{'' if count == 1 else 's'}", err=True)
