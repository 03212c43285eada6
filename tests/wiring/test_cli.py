"""Migrations: upstream's command with our configs, and the same commands under `fastapi`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi_cli.cli import app as fastapi_cli
from typer.testing import CliRunner

from holdfast import (
    AdvancedAlchemy,
    assign_cli_group,
    get_database_migration_plugin,
    register_database_commands,
)
from holdfast.errors import ConfigurationError
from tests.engines.database import Database
from tests.wiring.authors import async_config, sync_config

SETTINGS = '''
from sqlalchemy.orm import Mapped

from holdfast import {kind} as Config, Alembic{mode}Config, SQLitePragmas, base


class City(base.UUIDBase):
    """Somewhere."""

    name: Mapped[str]


alchemy = Config(
    connection_string="{url}",
    commit_mode="autocommit",
    sqlite_pragmas=SQLitePragmas(),
    alembic_config=Alembic{mode}Config(script_location="migrations"),
)
'''
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


def alchemy(folder: Path, *arguments: str) -> str:
    """Run upstream's command in a folder, and return what it printed."""
    command = [sys.executable, "-m", "advanced_alchemy", "--config", "settings.alchemy"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("backend", "kind"),
    [("aiosqlite", "SQLAlchemyAsyncConfig"), ("pysqlite", "SQLAlchemySyncConfig")],
)
def test_upstreams_command_migrates_with_our_config(
    tmp_path: Path, backend: str, kind: str
) -> None:
    """`alchemy --config` makes a migration from our config, applies it, shows it and undoes it."""
    database = Database.sqlite(backend, tmp_path / "test.sqlite")
    mode = "Async" if "Async" in kind else "Sync"
    settings = SETTINGS.format(kind=kind, mode=mode, url=database.url)
    (tmp_path / "settings.py").write_text(settings)

    alchemy(tmp_path, "init", "--no-prompt", "migrations")
    alchemy(tmp_path, "make-migrations", "--no-prompt", "-m", "cities")
    alchemy(tmp_path, "upgrade", "--no-prompt")
    (version,) = database.query("SELECT version_num FROM alembic_versions")[0]
    assert version in alchemy(tmp_path, "show-current-revision")
    assert database.query(TABLES) == [("alembic_versions",), ("city",)]
    alchemy(tmp_path, "downgrade", "--no-prompt", "base")
    assert database.query(TABLES) == [("alembic_versions",)]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Give a runner of the `fastapi` command, and take back what a test adds to the command."""
    commands = list(fastapi_cli.registered_commands)
    monkeypatch.setattr(fastapi_cli, "registered_commands", commands)
    return CliRunner()


@pytest.mark.parametrize("name", ["database", "db"])
def test_fastapis_command_gets_the_commands(cli: CliRunner, name: str) -> None:
    """After `assign_cli_group` the `fastapi` command lists the migration commands."""
    app = FastAPI()
    AdvancedAlchemy(sync_config(), app)
    assign_cli_group(app)
    for arguments in ([name], [name, "--help"]):
        result = cli.invoke(fastapi_cli, arguments)
        assert result.exit_code == 0, result.output
        assert "show-current-revision" in result.output
        assert "make-migrations" in result.output


def test_a_command_works_on_the_applications_databases(
    cli: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command under `fastapi` acts on the databases of the application that was assigned."""
    monkeypatch.chdir(tmp_path)
    app = FastAPI()
    config = sync_config(f"sqlite:///{tmp_path}/test.sqlite")
    config.alembic_config.script_location = str(tmp_path / "migrations")
    AdvancedAlchemy(config, app)
    assign_cli_group(app)
    result = cli.invoke(fastapi_cli, ["db", "init", "--no-prompt", str(tmp_path / "migrations")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "migrations" / "env.py").exists()
    config.get_engine().dispose()


def test_a_mistyped_command_is_explained(cli: CliRunner) -> None:
    """A command that there is not ends with the usage error's exit code, and names it."""
    app = FastAPI()
    AdvancedAlchemy(sync_config(), app)
    assign_cli_group(app)
    result = cli.invoke(fastapi_cli, ["database", "upgraed"])
    assert result.exit_code == 2
    assert "upgraed" in result.output


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_a_refused_question_changes_nothing(cli: CliRunner, tmp_path: Path, answer: str) -> None:
    """Whoever says no to a command's question, or leaves it, gets no traceback and no change."""
    app = FastAPI()
    AdvancedAlchemy(sync_config(f"sqlite:///{tmp_path}/test.sqlite"), app)
    assign_cli_group(app)
    result = cli.invoke(fastapi_cli, ["database", "upgrade"], input=answer)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Are you sure" in result.output
    assert not (tmp_path / "test.sqlite").exists()


WITHOUT_COMMANDS = """
import sys
sys.modules.update(dict.fromkeys(["click", "rich_click", "typer", "fastapi_cli"]))
from fastapi import FastAPI
from holdfast import assign_cli_group
assign_cli_group(FastAPI())
"""


def test_without_fastapis_command_it_says_so() -> None:
    """Where no command line is installed nothing fails, and the log says what to install."""
    command = [sys.executable, "-c", WITHOUT_COMMANDS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == (
        "fastapi-cli is missing, no command was added: pip install holdfast[cli]"
    )


def test_the_group_is_named_database() -> None:
    """`register_database_commands` gives the click group, for a command line of one's own."""
    app = FastAPI()
    AdvancedAlchemy(sync_config(), app)
    group = register_database_commands(app)
    assert group.name == "database"
    assert {"init", "upgrade", "downgrade", "make-migrations"} <= set(group.commands)


def test_the_attached_extension_is_found() -> None:
    """`get_database_migration_plugin` gives the extension that was attached."""
    app = FastAPI()
    attached = AdvancedAlchemy(async_config(), app)
    assert get_database_migration_plugin(app) is attached


def test_an_application_without_databases_is_refused() -> None:
    """Where nothing was attached the message says how to."""
    with pytest.raises(ConfigurationError) as caught:
        get_database_migration_plugin(FastAPI())
    assert str(caught.value).endswith("Attach one with `AdvancedAlchemy(config, app=app)`.")
