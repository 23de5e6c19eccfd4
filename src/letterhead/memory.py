"""How this process takes memory from the system."""

import ctypes

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
