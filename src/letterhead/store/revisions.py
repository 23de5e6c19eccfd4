"""Which revision the tables of a database are, and whether this version works with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from letterhead.errors import Misconfigured, Unavailable
from letterhead.store.promises import Kind

_SCRIPTS = Path(__file__).parent / "migrations" / "versions"
_NEWER = (
    "The tables of the database are those of another version of Letterhead ({found}): install that."
)
_OLDER = "The tables of the database are not up to date: run `letterhead migrate` first."


def upgrade(kind: Kind, url: str) -> None:
    """Bring the tables up to date in one transaction; refuses those of a newer version."""
    with explained():
        found = _current(kind, url)
        _demand_known(found)
        if found != newest():
            # Alembic costs a start 0.3 s and 10 MB; most of them find nothing to be done.
            import_module("letterhead.store.migrating").upgrade(kind, url)


def demand_newest(kind: Kind, url: str) -> None:
    """Refuse tables that are not those of this version."""
    with explained():
        found = _current(kind, url)
    _demand_known(found)
    if found != newest():
        raise Misconfigured(_OLDER)


def newest() -> str:
    """The revision of the tables that this version works with."""
    return max(_known())


@contextmanager
def explained() -> Iterator[None]:
    """An operator who starts something wants the driver's reason, in one line."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database cannot be used: {reason}") from error


def _demand_known(found: str | None) -> None:
    if found is not None and found not in _known():
        raise Misconfigured(_NEWER.format(found=found))


def _known() -> set[str]:
    """The numbers that the files of the migrations begin with."""
    return {each.name.partition("_")[0] for each in _SCRIPTS.glob("[0-9]*.py")}


def _current(kind: Kind, url: str) -> str | None:
    engine = kind.migration_engine(url)
    try:
        with engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    """What Alembic noted; None if there are no tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
