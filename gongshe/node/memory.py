"""How the process handles memory: cycles are looked for seldom, and what is freed is given back."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

FIRST_THRESHOLD = 50_000
"""Objects made and not freed before the youngest are looked at: 10 MB of small ones. With
Python's 700 the thousands of records of a block are walked again and again while it is executed,
which takes a tenth of an import."""

LATER_THRESHOLDS = (10, 10)
"""Collections of one generation before the next older one is looked at; as Python has them."""

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Names of glibc's `mallopt` parameters, from its header."""

LARGE_BYTES = 128 * 1024
"""Blocks of memory from this size on go back to the system at once, as glibc begins. Left alone
it raises the bound to the largest block it has seen, a whole batch of writes, and then keeps
70 to 100 MB more."""

ARENAS = 2
"""Heaps for all threads together; each may keep what another could have used."""


def give_back_freed() -> None:
    """Have the C library return freed memory to the system; elsewhere than on glibc do nothing."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(TRIM_THRESHOLD, LARGE_BYTES)
        mallopt(ARENA_MAX, ARENAS)


def settle() -> None:
    """Leave aside what start-up built, for it lives for ever, and collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(FIRST_THRESHOLD, *LATER_THRESHOLDS)
