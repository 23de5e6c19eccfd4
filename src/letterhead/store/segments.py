"""
Files beside SQLite that are only appended to: large bodies, where rows say where each of them is.

Whoever appends to a file holds a lock on it until the rows that point there are committed; so a
file that nobody holds, and no row names, is not needed.
"""

import asyncio
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from letterhead.errors import LetterheadError, StorageFull, Unavailable

_SIZE = 256 * 1024 * 1024  # octets after which the next file is begun
_AGE = 3600.0  # seconds, likewise: what came in together is forgotten together
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Place(NamedTuple):
    """Where a body is: so many octets of the file `segment`, from `start` on."""

    segment: str
    start: int
    octets: int


class Missing(LetterheadError):
    """A body is not where its row says."""


class Segments:
    """Appends to files of one folder, which is made with the first."""

    def __init__(self, folder: Path, size: int = _SIZE) -> None:
        self.folder = folder
        self._size = size
        self._segment: _Segment | None = None
        self._turn = threading.Lock()  # a file that is written to is not closed meanwhile

    async def lay_down(self, bodies: Mapping[str, bytes]) -> Mapping[str, Place]:
        """
        Put bodies on disk, by the ids of their messages; says where each of them is.

        One call at a time: its rows are committed, or given up, before the next. StorageFull or
        Unavailable where the disk takes nothing.
        """
        return await asyncio.to_thread(self._append, bodies)

    def close(self) -> None:
        """Let go of the file; the next body begins another."""
        with self._turn:
            self._leave()

    def _append(self, bodies: Mapping[str, bytes]) -> Mapping[str, Place]:
        with self._turn:
            try:
                return self._current().append(bodies)
            except OSError as error:
                self._give_up()
                full = error.errno in _FULL
                words = "The disk is full." if full else f"{self.folder}: {error.strerror}."
                raise (StorageFull if full else Unavailable)(words) from error

    def _give_up(self) -> None:
        """Begin another file: after a failure nobody knows what of this one is on disk."""
        if self._segment:
            with suppress(OSError):
                self._segment.cut()
        self._leave()

    def _leave(self) -> None:
        if self._segment:
            self._segment.file.close()
            self._segment = None

    def _current(self) -> "_Segment":
        if self._segment and self._segment.is_over(self._size):
            self._leave()
        self._segment = self._segment or _Segment(_begun(self.folder))
        return self._segment


class _Segment:
    """A file that is appended to."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self._name = Path(file.name).name
        self._end = 0
        self._began = time.monotonic()

    def is_over(self, size: int) -> bool:
        return self._end >= size or time.monotonic() - self._began >= _AGE

    def cut(self) -> None:
        """Give back the disk that was taken in vain."""
        os.ftruncate(self.file.fileno(), self._end)

    def append(self, bodies: Mapping[str, bytes]) -> Mapping[str, Place]:
        """Write bodies behind what is there, and flush."""
        places: dict[str, Place] = {}
        end = self._end
        for message_id, content in bodies.items():
            mark = _mark(message_id)
            self._write(mark)
            self._write(content)
            places[message_id] = Place(self._name, end + len(mark), len(content))
            end += len(mark) + len(content)
        os.fdatasync(self.file.fileno())
        self._end = end
        return places

    def _write(self, octets: bytes) -> None:
        left = memoryview(octets)
        while left:  # a disk that is nearly full takes a part
            left = left[self.file.write(left) :]


def read(folder: Path, message_id: str, place: Place) -> bytes:
    """The body of a message; Missing if it is not there: the folder is another's, say."""
    mark = _mark(message_id)
    try:
        with (folder / place.segment).open("rb", buffering=0) as file:
            before = os.pread(file.fileno(), len(mark), place.start - len(mark))
            content = os.pread(file.fileno(), place.octets, place.start)
    except OSError as error:
        raise Missing(f"{folder / place.segment}: {error.strerror}.") from error
    if before != mark or len(content) != place.octets:
        raise Missing(f"{folder / place.segment}: message {message_id} is not at {place.start}.")
    return content


@contextmanager
def left_alone(file: Path) -> Iterator[bool]:
    """Whether nobody appends to a file; nobody else removes it meanwhile."""
    with file.open("rb") as opened:
        yield _locked(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _begun(folder: Path) -> FileIO:
    """A new file, locked, whose name is on disk."""
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        file = (folder / secrets.token_hex(16)).open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_nlink:  # nobody has removed it before it was locked
            break
        file.close()
    for each in (folder, folder.parent):
        _flush(each)
    return file


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _locked(opened: BinaryIO, how: int) -> bool:
    try:
        fcntl.flock(opened, how)
    except BlockingIOError:
        return False
    return True


def _mark(message_id: str) -> bytes:
    """What stands before each body, so that one is never taken for another."""
    return f"{message_id}\n".encode()
