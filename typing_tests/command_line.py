"""What type checkers make of the functions around the command line. Checked, never run."""

from typing import assert_type

from fastapi import FastAPI

from holdfast import AdvancedAlchemy, assign_cli_group, get_database_migration_plugin

app = FastAPI()
assert_type(assign_cli_group(app), None)
assert_type(get_database_migration_plugin(app), AdvancedAlchemy)
