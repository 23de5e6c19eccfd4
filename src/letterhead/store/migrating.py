"""Bringing tables up to date, and finding out whether they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from letterhead.errors import Misconfigured, Unavailable
from letterhead.store.promises import Kind

_NEWER = (
    "The tables of the database are those of another version of Letterhead ({found}): install that."
)
_OLDER = "The tables of the database are not up to date: run `letterhead migrate` first."


def upgrade(kind: Kind, url: str) -> None:
    """Bring the tables up to date in one transaction; refuses those of a newer version."""
    with explained():
        found = _current(kind, url)
        demand_known(found)
        if found != newest():
            command.upgrade(config(kind, url), "head")


def demand_newest(kind: Kind, url: str) -> None:
    """Refuse tables that are not those of this version."""
    with explained():
        found = _current(kind, url)
    demand_known(found)
    if found != newest():
        raise Misconfigured(_OLDER)


def demand_known(found: str | None) -> None:
    if found is not None and found not in _known():
        raise Misconfigured(_NEWER.format(found=found))


def newest() -> str:
    """The revision of the tables that this version works with."""
    return _scripts().get_current_head() or ""


def revision(connection: Connection) -> str | None:
    """The revision of the tables that are there; None if there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def config(kind: Kind, url: str) -> Config:
    """What Alembic's commands work with."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["engine"] = lambda: kind.migration_engine(url)
    made.attributes["finish"] = kind.finish_migration
    return made


def _current(kind: Kind, url: str) -> str | None:
    engine = kind.migration_engine(url)
    try:
        with engine.connect() as connection:
            return revision(connection)
    finally:
        engine.dispose()


def _known() -> set[str]:
    return {each.revision for each in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


@contextmanager
def explained() -> Iterator[None]:
    """An operator who starts something wants the driver's reason, in one line."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database cannot be used: {reason}") from error
