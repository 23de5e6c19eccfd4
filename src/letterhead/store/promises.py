"""What a transaction promises, and what an engine must be able to do to keep it."""

from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Protocol

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from letterhead.store.segments import Segments


class Promise(Enum):
    """What holds when a transaction has ended well."""

    ACCEPT = auto()  # it is on disk
    SETTLE = auto()  # the death of the process cannot undo it; a power cut may
    READ = auto()  # what was seen did not change meanwhile


CONNECTIONS = 4  # of an engine to PostgreSQL, at most


class Kind(Protocol):
    """What `database` needs of an engine: the modules `sqlite` and `postgresql` fit it."""

    ONE_WRITER: bool
    MIGRATES_ITSELF: bool
    WRITERS: int  # threads that write
    READERS: int

    def engine(self, url: str, promise: Promise) -> Engine:
        """For threads, which do a transaction as a whole."""
        ...

    def async_engine(self, url: str, promise: Promise) -> AsyncEngine: ...

    def migration_engine(self, url: str) -> Engine:
        """For changing tables: one process at a time, all or nothing."""
        ...

    def finish_migration(self, connection: Connection) -> None:
        """Look whether all is well, within the transaction that changed the tables."""
        ...

    def alone(self, url: str) -> AbstractContextManager[bool]:
        """Hold what one serving process alone may hold; says whether that is us."""
        ...

    def segments(self, url: str) -> Segments | None:
        """Where large bodies are kept; None: with all others."""
        ...

    def translated(self, error: SQLAlchemyError) -> Exception:
        """An error of the driver in our own words, where it is none of ours to mend."""
        ...

    def may_pass(self, error: SQLAlchemyError) -> bool:
        """Whether the same transaction may go well if it is tried again at once."""
        ...
