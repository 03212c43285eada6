"""Advanced Alchemy's migration commands on FastAPI's own command line."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from advanced_alchemy.cli import add_migration_commands

from holdfast.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from holdfast.wiring.extension import AdvancedAlchemy

__all__ = ("assign_cli_group", "get_database_migration_plugin", "register_database_commands")

logger = logging.getLogger("holdfast.wiring")


def get_database_migration_plugin(app: "Starlette") -> "AdvancedAlchemy":
    """Return the extension that was attached to an application.

    Raises:
        ConfigurationError: None was.
    """
    extension: AdvancedAlchemy | None = getattr(app.state, "advanced_alchemy", None)
    if extension is None:
        raise ConfigurationError(
            "No database is attached to this application. "
            "Attach one with `AdvancedAlchemy(config, app=app)`."
        )
    return extension


def register_database_commands(app: "Starlette") -> Any:
    """Return the migration commands for an application's databases.

    Args:
        app: The application whose databases the commands work on.

    Returns:
        A ``click.Group`` named ``database``.
    """
    # Loaded here, because click is no dependency: an application without commands does without.
    tools: Any = import_module("advanced_alchemy.utils.cli_tools")

    def database(context: Any) -> None:
        """Manage SQLAlchemy database components."""
        context.ensure_object(dict)
        context.obj["configs"] = get_database_migration_plugin(app).config

    declare = tools.group(name="database", aliases=["db"])
    return add_migration_commands(declare(tools.click.pass_context(database)))


def assign_cli_group(app: "Starlette") -> None:
    """Add ``database`` and ``db`` to the ``fastapi`` command.

    Without FastAPI's command line (``pip install holdfast[cli]``) it does nothing but say so.

    Args:
        app: The application whose databases the commands work on.
    """
    try:
        click: Any = import_module("click.exceptions")
        typer: Any = import_module("typer")
        fastapi_cli: Any = import_module("fastapi_cli.cli").app
    except ImportError:
        logger.warning("fastapi-cli is missing, no command was added: pip install holdfast[cli]")
        return

    def run(context: Any) -> None:
        commands = register_database_commands(app)
        try:
            commands.main(
                args=list(context.args) or ["--help"],
                prog_name=context.info_name,
                standalone_mode=False,
            )
        except click.Exit as error:
            raise typer.Exit(error.exit_code) from error
        except click.Abort as error:
            raise typer.Abort from error
        except click.ClickException as error:
            error.show()
            raise typer.Exit(error.exit_code) from error

    # typer reads the annotation; the name cannot be imported where typer is missing.
    run.__annotations__["context"] = typer.Context
    for name in ("database", "db"):
        fastapi_cli.command(
            name=name,
            help="Manage SQLAlchemy database components.",
            context_settings={
                "allow_extra_args": True,
                "ignore_unknown_options": True,
                "help_option_names": [],
            },
            add_help_option=False,
        )(run)
