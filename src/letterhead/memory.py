"""How this process takes memory from the system, and looks after it."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_ARENA_MAX = -8  # M_ARENA_MAX in glibc's malloc.h


def share_one_pool() -> None:
    """
    Let all threads take memory from one pool, from now on.

    Else each thread has one of its own, where what it has freed helps no other: 10 MB under load.
    Python's lock lets few threads ask at a time. Where the C library is not glibc nothing changes.
    """
    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if choose:
        choose(_ARENA_MAX, 1)


@contextmanager
def loading() -> Iterator[None]:
    """
    Let nobody look for garbage among the modules that are loaded meanwhile, nor later.

    They stay for as long as the process. Looking through them takes a tenth of a second, in which
    nobody is served.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
