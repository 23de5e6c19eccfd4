"""A small disk of its own, which a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[bool]:
    """Make a folder a disk in memory; False where that may not be."""
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.call(mount):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.check_call(["/bin/umount", "-l", folder])


def fill(file: Path) -> None:
    """Write until the disk takes no more."""
    try:
        with file.open("wb", buffering=0) as filling:
            while filling.write(b"x" * 4096):
                pass
    except OSError:
        return
