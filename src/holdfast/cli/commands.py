"""The command itself: what all commands have in common, and the list of them."""

import click
from rich_click import RichGroup

from holdfast.cli.schemas import schemas

__all__ = ("holdfast",)


@click.group(cls=RichGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="holdfast", message="holdfast %(version)s")
def holdfast() -> None:
    """FastAPI and SQLAlchemy joined: every 2xx is already committed.

    Exits with 0 when there is nothing to report, with 1 when there are findings, and with 2 when it
    could not run. NO_COLOR=1 turns colours off.
    """


holdfast.add_command(schemas)
