"""How a service takes memory from the system, and looks after it."""

import gc
import subprocess
import sys

import pytest

from letterhead import memory

_POOLS = """
import threading
from pathlib import Path
from letterhead import memory

if {shared}:
    memory.share_one_pool()
held, done = [], threading.Barrier(5)

def take():
    held.append(bytes(100_000))  # of malloc: more than Python's own pools give, less than a mapping
    done.wait()

for _ in range(4):
    threading.Thread(target=take).start()
done.wait()
heap = next(line for line in Path("/proc/self/maps").read_text().splitlines() if "[heap]" in line)
start, end = (int(each, 16) for each in heap.split()[0].split("-"))
print(sum(start <= id(each) < end for each in held))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's pools are Linux's")
@pytest.mark.parametrize(("shared", "in_one"), [(True, 4), (False, 0)])
def test_threads_take_memory_from_one_pool(*, shared: bool, in_one: int) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", _POOLS.format(shared=shared)], check=True, capture_output=True
    )

    assert int(asked.stdout) == in_one


def test_nobody_looks_for_garbage_among_what_is_loaded() -> None:
    made: list[object] = []

    with memory.loading():
        looked = gc.isenabled()
        made.append([])

    try:
        assert not looked
        assert gc.isenabled()
        assert not any(each is made for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_garbage_is_looked_for_again_where_something_cannot_be_loaded() -> None:
    with pytest.raises(ImportError), memory.loading():
        raise ImportError

    gc.unfreeze()
    assert gc.isenabled()
