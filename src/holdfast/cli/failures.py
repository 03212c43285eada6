"""What a command says when it cannot run."""

import click

__all__ = ("CannotRunError",)


class CannotRunError(click.ClickException):
    """Raised when a command cannot do what it is asked to; the message says what to write."""

    exit_code = 2
