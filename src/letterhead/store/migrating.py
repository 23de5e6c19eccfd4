"""Changing tables, by Alembic; loaded when there is something to change."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from letterhead.store.promises import Kind


def upgrade(kind: Kind, url: str) -> None:
    """Bring the tables up to date in one transaction."""
    command.upgrade(config(kind, url), "head")


def config(kind: Kind, url: str) -> Config:
    """What Alembic's commands work with."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["engine"] = lambda: kind.migration_engine(url)
    made.attributes["finish"] = kind.finish_migration
    return made
